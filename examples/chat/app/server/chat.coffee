# SPDX-License-Identifier: MIT
#
# Rooms, and what is said.  A room is a private channel of the session, so only its members hear.
# Of each room the last messages are kept in Redis, where all nodes and later visitors find them;
# private messages are kept nowhere.

checks = require 'checks'

exports.authenticate = true     # all of this is for those who have signed in

KEPT = 100                      # messages of a room
KEPT_FOR = 30 * 24 * 3600       # seconds after the last of them

PREFIX = 'room:'
historyOf = (channel) -> "chat:history:#{channel}"

roomIn = (name) -> PREFIX + checks.name name, "room's name"

# The channel of a room that one is in.
channelOf = (session, name) ->
  channel = roomIn name
  throw new Error "You are not in ##{name}" unless channel in session.channel.list()
  channel

exports.actions =

  # chat.rooms(): the names of those one is in.
  rooms: (cb) ->
    cb (name[PREFIX.length..] for name in @session.channel.list() when name.startsWith PREFIX)

  # chat.join(room)
  join: (room) ->
    await @session.channel.subscribe roomIn room
    true

  # chat.leave(room)
  leave: (room) ->
    await @session.channel.unsubscribe roomIn room
    true

  # chat.history(room): what was said last, the oldest first.
  history: (room) ->
    lines = await R.lrange historyOf(channelOf @session, room), 0, KEPT - 1
    (JSON.parse line for line in lines).sort (a, b) -> a.id - b.id

  # chat.say(room, text): the event `message` for everybody in the room.
  say: (room, text) ->
    channel = channelOf @session, room
    message =
      room: channel[PREFIX.length..]
      from: @session.user_id
      text: checks.text text
      at: Date.now()
      id: await R.incr 'chat:messages'
    await R.multi()
      .lpush historyOf(channel), JSON.stringify message
      .ltrim historyOf(channel), 0, KEPT - 1
      .expire historyOf(channel), KEPT_FOR
      .exec()
    await SS.publish.channel channel, 'message', message
    true

  # chat.tell(user, text): the event `whisper` for one person, wherever they are signed in.
  tell: (user, text) ->
    whisper = from: @session.user_id, text: checks.text(text), at: Date.now()
    await SS.publish.user checks.name(user, 'name'), 'whisper', whisper
    true

  # chat.typing({room}) or chat.typing({user}): the event `typing` for those who will read it.
  typing: (where) ->
    from = @session.user_id
    if where?.user?
      await SS.publish.user checks.name(where.user, 'name'), 'typing', {from}
    else
      channel = channelOf @session, where?.room
      await SS.publish.channel channel, 'typing', {from, room: channel[PREFIX.length..]}
    true

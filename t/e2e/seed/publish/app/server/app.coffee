exports.actions =

  enter: (room, cb) ->
    @session.channel.subscribe room
    @session.setUserId 'ann'
    cb @session.channel.list()

  rooms: (cb) ->
    cb @session.channel.list()

  leave: (room, cb) ->
    @session.channel.unsubscribe room
    cb true

  all: (text, cb) ->
    SS.publish.broadcast 'news', {text: text}
    cb true

  whisper: (text) ->
    SS.publish.user 'ann', 'whisper', {text: text}

  say: (message, cb) ->
    SS.publish.channel [message.room, 'log'], 'message', message
    cb true

  count: (cb) ->
    R.incr 'publish:count', (err, value) -> cb value

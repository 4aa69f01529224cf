# SPDX-License-Identifier: MIT
#
# Who is there.  A person is a user of the session; everybody is told who comes and goes.

checks = require 'checks'

exports.actions =

  # people.me(): the name, or null.
  me: (cb) -> cb @session.user_id ? null

  # people.online(): the names of all who are.
  online: (cb) -> SS.users.online.now cb

  # people.signIn(name)
  signIn: (name) ->
    await @session.setUserId checks.name(name, 'name')
    SS.publish.broadcast 'arrived', @session.user_id
    true

  # people.signOut(): leaves the rooms, too.
  signOut: ->
    name = @session.user_id
    await @session.user.logout()
    # In another browser they may still be there.
    unless name in await SS.users.online.now()
      SS.publish.broadcast 'left', name
    true

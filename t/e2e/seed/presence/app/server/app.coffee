# Who is here, as the examples of 2011 did it: state of the module lives as long as the process.

visits = 0
present = {}

exports.actions =

  init: (cb) ->
    visits++
    @session.on 'disconnect', (session) ->
      if session.user_id
        delete present[session.user_id]
        SS.publish.broadcast 'left', session.user_id
        session.user.logout()
    cb visits: visits, user: @session.user_id || null

  signIn: (name, cb) ->
    @session.setUserId name
    present[name] = {since: new Date().getTime()}
    SS.publish.broadcast 'joined', name
    cb true

  present: (cb) ->
    cb (name for name of present)

  loggedIn: (cb) ->
    cb @session.user.loggedIn()

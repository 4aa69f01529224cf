# SS.server.app.… of the browser: what may be called from there, and nothing else.

exports.actions =

  square: (n, cb) ->
    cb n * n

  # Tells everybody who is connected.
  wave: (name, cb) ->
    SS.publish.broadcast 'wave', String(name)[..31]
    cb true

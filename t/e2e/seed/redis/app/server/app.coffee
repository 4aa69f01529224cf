store = require '../store'

exports.actions =

  keep: (pair, cb) ->
    R.set "kept:#{pair.key}", pair.value, (err, reply) -> cb reply

  fetch: (key, cb) ->
    R.get "kept:#{key}", (err, value) -> cb value

  forget: (key, cb) ->
    R.del "kept:#{key}", (err, n) -> cb n

  several: (keys, cb) ->
    R.mget ("kept:#{key}" for key in keys), (err, values) -> cb values

  list: (items, cb) -> store.list items, cb

  set: (members, cb) -> store.set members, cb

  both: (cb) ->
    R.multi()
      .set('kept:one', 1)
      .incr('kept:one')
      .hgetall('kept:none')
      .exec (err, replies) -> cb replies

  expiry: (cb) ->
    R.set 'kept:soon', 'x', ->
      R.expire 'kept:soon', 60, (err, ok) ->
        R.ttl 'kept:soon', (err, seconds) -> cb [ok, 0 < seconds <= 60]

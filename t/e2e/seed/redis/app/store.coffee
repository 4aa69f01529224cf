# Not below app/server, so nobody can call it from outside.

exports.list = (items, cb) ->
  R.del 'items', ->
    left = items.length
    for item in items
      R.lpush 'items', item, ->
        if --left is 0
          R.lrange 'items', 0, -1, (err, all) -> cb all

exports.set = (members, cb) ->
  R.del 'members', ->
    R.sadd 'members', member for member in members
    R.smembers 'members', (err, all) -> cb all.sort()

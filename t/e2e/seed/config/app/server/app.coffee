db = M   # there before this file is loaded

exports.actions =

  where: (cb) -> cb db.where

  find: (id, cb) -> M.find id, (err, row) -> cb row

  settings: (cb) -> cb {map: SS.config.map, env: SS.env, client: SS.config.client.motto}

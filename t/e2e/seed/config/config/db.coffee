settings = SS.config.db.mongo

global.M =
  where: "#{settings.host}/#{settings.name}"
  find: (id, cb) -> process.nextTick -> cb null, {id: id, from: settings.name}

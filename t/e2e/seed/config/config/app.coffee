exports.config =
  log:
    level: 1
  db:
    mongo:
      host: 'localhost'
      name: 'demo'
  map: {zoom: 3}

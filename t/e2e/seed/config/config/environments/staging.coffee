exports.config =
  db: {mongo: {name: 'demo_staging'}}
  client:
    motto: 'carpe diem'

cars = {}

exports.actions =

  join: (name, cb) ->
    cars[name] = {name: name, laps: 0}
    @session.setUserId name
    @broadcastCar cars[name], cb

  lap: (cb) ->
    car = cars[@session.user_id]
    car.laps++
    @broadcastCar car, cb

  broadcastCar: (car, cb) ->
    SS.publish.broadcast 'car', car
    cb describe(car)

  twice: (n, cb) ->
    SS.server.tools.maths.double n, (first) ->
      SS.server.tools.maths.more.addOne first, cb

  me: (cb) -> cb @user == @session.user

  whoami: (cb) ->
    @getSession (session) -> cb session.user_id


# Private

describe = (car) ->
  "#{car.name} has #{car.laps} lap#{if car.laps is 1 then '' else 's'}"

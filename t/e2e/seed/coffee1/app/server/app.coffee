# CoffeeScript 1 let a derived class set properties before, or without, its super; version 2 refuses
# the whole file for it.

class Shape
  constructor: (@name) ->

class Square extends Shape
  constructor: (@side) ->

  area: -> @side * @side

exports.actions =

  square: (n, cb) ->
    cb new Square(n).area()

  named: (cb) ->
    cb new Shape('triangle').name

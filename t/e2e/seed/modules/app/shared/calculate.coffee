secret = 42

exports.circumference = (radius = 1) ->
  2 * estimatePi() * radius

exports.Circle = class Circle
  constructor: (@radius) ->
  area: -> estimatePi() * @radius * @radius

estimatePi = -> 355 / 113

class Person
  constructor: (@name) ->

class Customer extends Person
  shout: -> "#{@name}!"

people = [new Customer('ann'), new Customer('bob')]
seen.push 'people/list'

exports.count = -> people.length
exports.last = -> SS.client.people.list.all()[1].shout()
exports.all = -> people

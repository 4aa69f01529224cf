# Called for every request, before anything else
agents = require 'agents'

exports.call = (request, response, next) ->
  agents.log request
  next()

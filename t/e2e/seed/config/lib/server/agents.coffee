exports.log = (request) ->
  console.log 'User-Agent is: ', request.headers['user-agent']

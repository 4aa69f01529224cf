users = {ann: 'tea', bob: 'coffee'}

exports.authenticate = (params, cb) ->
  if users[params.username] is params.password
    cb {success: true, user_id: params.username, info: {drinks: users[params.username]}}
  else
    cb {success: false, info: {num_retries: 2}}

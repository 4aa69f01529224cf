exports.authenticate = true

exports.actions =

  secret: (cb) -> cb "for #{@session.user_id} only"

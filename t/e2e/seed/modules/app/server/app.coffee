http = require('http')
net = require('net')
url = require('url')
crypto = require('crypto')
events = require('events')

greeting = require('greeting')          # lib/server
calculate = require('calculate')        # app/shared
stamp = require('stamp')                # vendor/clock/lib
{shout} = require('./loud/_voice')       # relative
tiny = require('tiny-module')           # node_modules

exports.actions =

  hello: (name, cb) -> cb shout(greeting.hello(name))

  circumference: (radius, cb) ->
    cb [calculate.circumference(radius), SS.shared.calculate.circumference(radius)]

  node: (cb) ->
    cb
      emitter: typeof new events.EventEmitter().on
      md5: crypto.createHash('md5').update('abc').digest('hex')
      path: url.parse('http://localhost/a?b=c').pathname
      servers: [typeof http.createServer, typeof net.connect]

  stamp: (cb) -> cb stamp.ed('letter')

  tiny: (cb) -> cb tiny()

  private: (cb) -> cb SS.shared.calculate.secret?

  signIn: (credentials, cb) ->
    @session.authenticate 'custom_auth', credentials, (response) =>
      @session.setUserId(response.user_id) if response.success
      cb response

  signOut: (cb) ->
    @session.user.logout (session) -> cb session.user_id ? null

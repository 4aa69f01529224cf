# Loaded first of all that is in app/client.  What is exported is SS.client.app, for the console and
# for other files.

$ = (id) -> document.getElementById id

square = ->
  SS.server.app.square Number($('number').value), (result) ->
    $('square').textContent = result

# Called once, when the page is there and connected.
exports.init = ->
  $('number').addEventListener 'input', square
  $('wave').addEventListener 'click', -> SS.server.app.wave 'Somebody'
  square()

SS.events.on 'wave', (name) ->
  item = document.createElement 'li'
  item.textContent = "#{name} waved at #{new Date().toLocaleTimeString()}"
  $('waves').prepend item

SS.socket.on 'state', (state) ->
  $('state').textContent = $('state').dataset.state = state

# As it was written in 2011: an octal escape and indentation that CoffeeScript 2 refuses.
window.seen = []
exports.name = 'old\041'
seen.push 'app'

SS.events.on 'news', (text) -> seen.push "news #{text}"

secret = -> 'not public'

exports.init = ->
  seen.push "init #{document.readyState != 'loading'} #{typeof SS.env}"
  $('#templates-message').tmpl({text: 'Hello <world>', from: 'ann', tags: ['a', 'b']}).appendTo '#messages'
  $('#people-customers-info').tmpl([{name: 'Bob', vip: true}, {name: 'Eve'}]).appendTo '#people'
  $('#circumference').text SS.shared.calculate.circumference(20).toFixed(2)
  $('#dashed').text SS.client['nav-bar'].title()
  $('#nested').text SS.client.people.list.count()

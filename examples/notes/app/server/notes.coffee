LONGEST = 1000 # characters of a note

exports.actions =

  # SS.server.notes.list(): the newest first.
  list: ->
    { rows } = await DB.query 'SELECT id, text FROM notes ORDER BY id DESC LIMIT 100'
    rows

  # SS.server.notes.add('milk'): its id; everybody hears of it.
  add: (text) ->
    check text
    { rows: [note] } = await DB.query 'INSERT INTO notes (text) VALUES ($1) RETURNING id, text', [text]
    SS.publish.broadcast 'note', note
    note.id

  # With a callback, as in 2011.
  count: (cb) ->
    DB.query 'SELECT count(*)::int AS n FROM notes', (error, result) ->
      cb if error then {error: error.message} else result.rows[0].n

  remove: (id) ->
    { rowCount } = await DB.query 'DELETE FROM notes WHERE id = $1', [id]
    rowCount is 1


# Private

check = (text) ->
  unless typeof text is 'string' and 0 < text.trim().length and text.length <= LONGEST
    throw new Error "a note is a text of 1 to #{LONGEST} characters"

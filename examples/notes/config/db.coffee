# Runs once in each action host, before app/server is loaded, which waits for the promise.

{ Pool } = require 'pg'

global.DB = new Pool SS.config.db

# A connection that is lost while nobody uses it; the pool opens another when it is needed.
DB.on 'error', (error) -> SS.log.warning "PostgreSQL: #{error.message}"

module.exports = DB.query '''
  CREATE TABLE IF NOT EXISTS notes (
    id serial PRIMARY KEY,
    text text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
  )
'''

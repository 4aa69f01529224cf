# Where PostgreSQL is stands in the variables that all its programs read: PGHOST, PGDATABASE, PGUSER …

exports.config =
  db:
    max: 10
    connectionTimeoutMillis: 5000

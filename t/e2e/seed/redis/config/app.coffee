exports.config =
  redis:
    db_index: 3

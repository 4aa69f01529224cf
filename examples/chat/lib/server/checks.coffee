# SPDX-License-Identifier: MIT
#
# Names and texts come from anybody: each is checked before it is used.

NAME_MAX = 32       # characters of a person's or a room's name
TEXT_MAX = 2000     # of what is said

INVALID_PARAMS = -32602

fail = (message) ->
  throw Object.assign new Error(message), code: INVALID_PARAMS

# The value without the spaces around it, unless it is none of 1 to `max` characters.
trimmed = (value, max) ->
  text = if typeof value is 'string' then value.trim() else ''
  text if 1 <= [...text].length <= max

exports.name = (value, what) ->
  name = trimmed value, NAME_MAX
  if not name or /[\x00-\x1f\x7f]/.test name
    fail "A #{what} has 1 to #{NAME_MAX} characters, all in one line"
  name

exports.text = (value) ->
  trimmed(value, TEXT_MAX) ? fail "A message has 1 to #{TEXT_MAX} characters"

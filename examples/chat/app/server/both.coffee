# SPDX-License-Identifier: MIT
#
# A server file that calls others: it is all the same in what language they are written.

exports.actions =

  # both.square(n): what the two actions of that name answer.
  square: (n) ->
    [javascript, c] = await Promise.all [SS.server.app.square(n), SS.server.native.square(n)]
    {javascript, c}

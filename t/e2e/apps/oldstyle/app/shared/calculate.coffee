pi = 3.14159

exports.circumference = (r) -> 2 * pi * r

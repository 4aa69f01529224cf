this is no CoffeeScript {{{

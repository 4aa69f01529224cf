exports.actions = {
  double: function(n, cb) { cb(n * 2); },
  more: {
    addOne: function(n, cb) { cb(n + 1); },
    deeper: { still: { here: function(cb) { cb('yes'); } } }
  }
};

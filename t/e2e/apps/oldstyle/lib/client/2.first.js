var libraryOrder = ['2.first'];
(function (root) { root.libraryRoot = root === window; })(this)

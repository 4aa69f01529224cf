exports.ed = function(what) { return what + ' stamped'; };

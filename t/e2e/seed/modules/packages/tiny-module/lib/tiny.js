module.exports = function() { return 'tiny'; };

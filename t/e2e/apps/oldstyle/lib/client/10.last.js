(function () { libraryOrder.push('10.last'); })()

// SPDX-License-Identifier: MIT
exports.actions = {
    square(n, cb) {
        cb(n * n);
    },
};

// SPDX-License-Identifier: MIT
//
// The demo's first action in JavaScript; native.c has its counterpart in C.

const INVALID_PARAMS = -32602;

export const actions = {
    /** app.square(n): n * n */
    async square(n) {
        if (typeof n !== 'number') {
            throw Object.assign(new Error('app.square takes a number'), { code: INVALID_PARAMS });
        }
        return n * n;
    },
};

// SPDX-License-Identifier: MIT
//
// Actions of every kind of sickness, and a healthy one.

exports.actions = {
    square(n, cb) {
        cb(n * n);
    },

    pid(cb) {
        cb(process.pid);
    },

    /** Busy for some milliseconds, which is no sickness. */
    busy(ms, cb) {
        const end = Date.now() + ms;
        while (Date.now() < end);
        cb(true);
    },

    loop() {
        while (true);
    },

    hoard() {
        const all = [];
        for (let i = 0; i < 4096; i++) {
            all.push(Buffer.alloc(1 << 20, i)); // not on the heap of JavaScript
        }
        return all;
    },

    heap() {
        const all = [];
        for (;;) {
            all.push(new Array(100000).fill(all.length));
        }
    },

    exit() {
        process.exit();
    },

    reject(cb) {
        Promise.reject(new Error('nobody handles this'));
        cb(true);
    },

    throwLater(cb) {
        setImmediate(() => {
            throw new Error('nobody catches this');
        });
        cb(true);
    },

    regex(cb) {
        cb(/^(a+)+$/.test(`${'a'.repeat(60)}!`));
    },

    // What JSON cannot say, and what it can but barely.
    echo(value, cb) {
        cb(value);
    },
    cycle(cb) {
        const value = {};
        value.self = value;
        cb(value);
    },
    big(cb) {
        cb(2n ** 70n);
    },
    getter(cb) {
        cb({
            get trap() {
                throw new Error('do not look');
            },
        });
    },
    nothing(cb) {
        cb(undefined);
    },
    fn(cb) {
        cb(() => 1);
    },
    long(n, cb) {
        cb('x'.repeat(n));
    },
    surrogate(cb) {
        cb('a\ud800b');
    },
    proxy(cb) {
        cb(new Proxy({}, { ownKeys: () => { throw new Error('no keys for you'); } }));
    },
    odd() {
        throw { message: 'not an Error', code: 'E_TEXT' };
    },
    nullish() {
        throw null;
    },
};

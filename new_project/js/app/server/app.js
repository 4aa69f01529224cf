// SS.server.app.… of the browser: what may be called from there, and nothing else.

exports.actions = {
    square(n, cb) {
        cb(n * n);
    },

    /** Tells everybody who is connected; an action may be async, too. */
    async wave(name) {
        await SS.publish.broadcast('wave', String(name).slice(0, 32));
        return true;
    },
};

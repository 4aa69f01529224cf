// SS.server.app.… of the browser: what may be called from there, and nothing else.

export const actions = {
    async square(n) {
        return n * n;
    },

    /** Tells everybody who is connected. */
    async wave(name) {
        await SS.publish.broadcast('wave', String(name).slice(0, 32));
        return true;
    },
};

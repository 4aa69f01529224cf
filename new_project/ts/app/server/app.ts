// SS.server.app.… of the browser: what may be called from there, and nothing else.  `socketstream
// types` writes app/socketstream.d.ts, by which tsc knows these actions in app/client.

declare const SS: any;

export const actions = {
    async square(n: number): Promise<number> {
        return n * n;
    },

    /** Tells everybody who is connected. */
    async wave(name: string): Promise<boolean> {
        await SS.publish.broadcast('wave', String(name).slice(0, 32));
        return true;
    },
};

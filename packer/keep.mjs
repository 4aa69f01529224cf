// SPDX-License-Identifier: MIT
//
// Development: packs whenever files have changed, and tells the sidecar, which tells open pages.
//
// One pack at a time; what changes meanwhile is the next one's.  Nothing that an application's files
// hold ends it.

import { writeFileSync } from 'node:fs';
import { createDevelopLink } from './develop.mjs';
import { problemsOf } from './problems.mjs';
import { createWatch } from './watch.mjs';

/**
 * @param {object} options
 * @param {string} options.app
 * @param {ReturnType<typeof import('./pack.mjs').createPacker>} options.packer
 * @param {(result: import('./pack.mjs').Result, started: number) => void} options.report
 * @param {(text: string) => void} options.complain
 * @param {string[]} [options.socket] of the sidecars
 * @param {string} [options.ready]  file to write when the first pack is done
 * @returns {Promise<() => Promise<void>>} ends it
 */
export async function keepPacked({ app, packer, report, complain, socket, ready }) {
    const links = (socket ?? []).map((one) => createDevelopLink({ socket: one, complain }));
    const tell = (/** @type {import('./develop.mjs').News} */ news) => links.forEach((link) => link.tell(news));
    /** @type {Set<import('./pack.mjs').Kind>} */
    const waiting = new Set();
    let packing = false;

    /** @param {Iterable<import('./pack.mjs').Kind>} [kinds] */
    async function packOnce(kinds) {
        const started = performance.now();
        try {
            const result = await packer.pack(kinds);
            report(result, started);
            tell(result);
        } catch (error) { // the disk is full, public/ is not ours, …
            const problems = problemsOf(app, error);
            complain(`cannot pack: ${/** @type {Error} */ (error).message}`);
            tell({ problems, reload: null, files: [] });
        }
    }

    async function packWaiting() {
        if (packing) {
            return;
        }
        packing = true;
        while (waiting.size) {
            const kinds = [...waiting];
            waiting.clear();
            await packOnce(kinds);
        }
        packing = false;
    }

    const watch = createWatch(app, {
        changed(kinds) {
            kinds.forEach((kind) => waiting.add(kind));
            packWaiting();
        },
        failed: complain,
    });
    packing = true;
    await packOnce();
    packing = false;
    if (ready) {
        writeFileSync(ready, '');
    }
    packWaiting();
    return async () => {
        watch.close();
        links.forEach((link) => link.close());
        await packer.dispose();
    };
}

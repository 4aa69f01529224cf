// SPDX-License-Identifier: MIT
//
// CoffeeScript to JavaScript for browsers, with the source and its map inside.
//
// Which version compiles what is decided where the server's own files are compiled, in host/.

import path from 'node:path';
import { coffeeError, tryCoffee } from '../host/compile.mjs';

/**
 * @param {string} text
 * @param {{file: string, bare: boolean}} options `bare`: what it declares stays at the top level
 * @returns {{code: string, note: string}} throws a SourceError
 */
export function compileCoffee(text, { file, bare }) {
    const { result, refusal } = tryCoffee(text, file, bare);
    if (!result) {
        throw coffeeError(refusal, file);
    }
    const note = refusal
        ? `CoffeeScript 2 refuses it (${refusal.message.split('\n')[0]}), compiled as CoffeeScript 1`
        : '';
    // The name without folders: sources in a map are looked for beside the file itself.
    const { version, names, mappings } = JSON.parse(result.v3SourceMap);
    const map = { version, names, mappings, sources: [path.basename(file)], sourcesContent: [text] };
    const base64 = Buffer.from(JSON.stringify(map)).toString('base64');
    return {
        code: `${result.js}\n//# sourceMappingURL=data:application/json;base64,${base64}`,
        note,
    };
}

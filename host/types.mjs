// SPDX-License-Identifier: MIT
//
// `socketstream types`: writes app/socketstream.d.ts, from which an editor and tsc know what
// SS.server has and takes.
//
//   node types.mjs APP
//
// Owns where actions are looked for, and the file's form.  TypeScript's own checker reads the
// signatures, of TypeScript and JavaScript alike, so JSDoc counts; types_print.mjs writes them down.
// It is the application's TypeScript if that has one.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCompiler } from './compile.mjs';
import { findSources } from './tree.mjs';
import { createPrinter } from './types_print.mjs';

const OUTPUT = 'app/socketstream.d.ts';
// Beside host/ when installed, in client/ in a checkout.
const LIBRARY = ['../socketstream.d.ts', '../client/types/socketstream.d.ts'];

/** @param {string} message @returns {never} */
function fail(message) {
    process.stderr.write(`socketstream: ${message}\n`);
    process.exit(1);
}

/** @param {string} app @returns {typeof import('typescript')} */
function loadTypeScript(app) {
    for (const from of [path.join(app, 'package.json'), import.meta.url]) {
        try {
            return createRequire(from)('typescript');
        } catch (error) {
            if (/** @type {any} */ (error).code !== 'MODULE_NOT_FOUND') {
                throw error;
            }
        }
    }
    return fail(`types needs TypeScript: npm install --save-dev typescript, in ${app}`);
}

/** Files of C, which name their actions in a table. @param {string} folder @param {string} prefix
 *  @returns {{name: string, action: string}[]} `action` is '*' where only the machine code knows */
function nativeActions(folder, prefix = '') {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const file = path.join(folder, entry.name);
        const { name, ext } = path.parse(entry.name);
        if (/^[._]|~$/.test(entry.name)) {
            return [];
        }
        if (entry.isDirectory()) {
            return nativeActions(file, `${prefix}${entry.name}.`);
        }
        if (ext === '.so') {
            return [{ name: prefix + name, action: '*' }];
        }
        const table = ext === '.c' ? /\bSS_ACTIONS(?:_\w+)?\s*=\s*\{([\s\S]*?)\};/.exec(readFileSync(file, 'utf8')) : null;
        return [...(table?.[1] ?? '').matchAll(/\{\s*"([^"]+)"/g)].map(([, action]) => ({ name: prefix + name, action }));
    });
}

/** @typedef {Map<string, any>} Node names to types, or to further nodes */

/** @param {Node} root @param {string} name with dots @param {string} type */
function put(root, name, type) {
    const parts = name.split('.');
    const last = /** @type {string} */ (parts.pop());
    let node = root;
    for (const part of parts) {
        if (!(node.get(part) instanceof Map)) {
            node.set(part, new Map());
        }
        node = node.get(part);
    }
    if (last === '*') {
        node.set('[name: string]', 'SocketStream.Action');
    } else {
        node.set(last, type);
    }
}

/** @param {Node} node @param {string} indent @returns {string} */
function print(node, indent) {
    return [...node].map(([name, value]) => {
        const key = /^(?:[A-Za-z_$][\w$]*|\[.*\])$/.test(name) ? name : JSON.stringify(name);
        const text = value instanceof Map ? `{\n${print(value, `${indent}    `)}${indent}}` : value;
        return `${indent}${key}: ${text};\n`;
    }).join('');
}

/** CoffeeScript is shown to TypeScript as the JavaScript that it becomes. @param {string} app
 *  @param {typeof import('typescript')} ts @param {{file: string, name: string}[]} sources */
function createProgram(app, ts, sources) {
    const compiler = createCompiler({ app });
    /** @type {Map<string, string>} */
    const compiled = new Map();
    const files = sources.map(({ file }) => {
        if (!file.endsWith('.coffee')) {
            return file;
        }
        compiled.set(`${file}.js`, compiler.read(file).code);
        return `${file}.js`;
    });
    /** @type {import('typescript').CompilerOptions} */
    const options = {
        allowJs: true, checkJs: false, noEmit: true, strict: true, noImplicitAny: false, skipLibCheck: true,
        target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16,
        allowImportingTsExtensions: true,
    };
    const host = ts.createCompilerHost(options);
    const { readFile, fileExists } = host;
    host.readFile = (file) => compiled.get(file) ?? readFile(file);
    host.fileExists = (file) => compiled.has(file) || fileExists(file);
    return { program: ts.createProgram(files, options, host), files };
}

/** @param {string} app @param {typeof import('typescript')} ts @returns {Node} */
function readActions(app, ts) {
    const { sources, problems } = findSources(app, 'app/server');
    for (const { file, message } of problems) {
        process.stderr.write(`${file}: ${message}\n`);
    }
    const { program, files } = createProgram(app, ts, sources);
    const printer = createPrinter(ts, program.getTypeChecker());
    /** @type {Node} */
    const root = new Map();
    sources.forEach(({ name }, i) => {
        const source = program.getSourceFile(files[i]);
        for (const [action, type] of source ? printer.actions(source) : []) {
            put(root, `${name}.${action}`, type);
        }
    });
    const folder = path.join(app, 'app/server');
    for (const { name, action } of existsSync(folder) ? nativeActions(folder) : []) {
        put(root, `${name}.${action}`, 'SocketStream.Action');
    }
    return root;
}

/** The library's own types, in a namespace, so that the file needs no package. */
function libraryTypes() {
    const file = LIBRARY.map((one) => fileURLToPath(new URL(one, import.meta.url))).find((one) => existsSync(one));
    if (!file) {
        return fail('socketstream.d.ts, which comes with SocketStream, is missing');
    }
    return readFileSync(file, 'utf8')
        .replace(/^\/\/ SPDX.*\n+/, '')
        .replace(/^declare global \{[\s\S]*?^\}\n+/m, '')
        .replace(/^(?=.)/gm, '    ');
}

const app = path.resolve(process.argv[2] ?? '.');
const root = readActions(app, loadTypeScript(app));
writeFileSync(path.join(app, OUTPUT), `// Written by \`socketstream types\`, which writes it anew: the actions of app/server.

interface SocketStreamServer {
${print(root, '    ')}}

declare const SS: SocketStream.Page;

declare namespace SocketStream {
${libraryTypes()}}
`);
process.stdout.write(`${OUTPUT}\n`);

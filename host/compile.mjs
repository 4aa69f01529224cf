// SPDX-License-Identifier: MIT
//
// From a source file to the JavaScript that Node runs: CoffeeScript, TypeScript, and JavaScript
// itself, of which it only finds out whether it is a module or a script.
//
// Owns which compiler a file gets.  Compilers are loaded when a file is not in the cache, and not
// before.  What comes out has a source map inside, so that stacks name the source's lines.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { createCache } from './cache.mjs';
import { SourceError } from './problems.mjs';

const require = createRequire(import.meta.url);

/** Extensions of files that are JavaScript or become it, in the order in which names are tried. */
export const EXTENSIONS = ['.js', '.coffee', '.ts', '.mjs', '.cjs'];

const FORM = '1'; // of what is cached; another number forgets all
const TARGET = 'node18';
const OCTAL_ESCAPES_MAX = 1000; // in one file

/**
 * @typedef {object} Compiled
 * @property {string} code
 * @property {'module' | 'commonjs'} format
 * @property {boolean} mapped  the code has a source map
 *
 * @typedef {object} Compiler
 * @property {(file: string) => Compiled} read      throws SourceError where the source is wrong
 * @property {(file: string) => Compiled} asScript  the same, but a module becomes a script
 * @property {(files: string[]) => Promise<void>} prepare  compiles what can be at one time
 * @property {(file: string) => SourceError | undefined} diagnose  what is wrong with a file that V8
 *   refused without saying where
 * @property {() => void} finish  forgets what was read and trims the cache
 */

/** What is kept of a compilation: nothing in it depends on where the application is.
 *  @typedef {{code: string, map: {names: string[], mappings: string}, format: Compiled['format'], note?: string}} Kept */

/** @param {string} text a source map as its compiler gave it */
function keepMap(text) {
    const { names, mappings } = JSON.parse(text);
    return { names, mappings };
}

/** @param {Kept['map']} map @param {string} file */
function inlineMap(map, file) {
    const text = JSON.stringify({ version: 3, sources: [pathToFileURL(file).href], ...map });
    return `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(text).toString('base64')}\n`;
}

/** @param {string} name of a package */
const versionOf = (name) => `${name} ${require(`${name}/package.json`).version}`;

/** V8's words for what only a module may do. */
const MODULE_ONLY = /import statement outside|Unexpected token 'export'|import\.meta|await is only valid/;

/**
 * Whether code is a module.  Only V8 can tell, but most code need not be shown to it.
 * @param {string} code @param {string} file
 * @returns {'module' | 'commonjs'}
 */
function formatOf(code, file) {
    if (file.endsWith('.mjs') || file.endsWith('.cjs')) {
        return file.endsWith('.mjs') ? 'module' : 'commonjs';
    }
    if (!/\b(?:import|export|await)\b/.test(code)) {
        return 'commonjs';
    }
    try {
        vm.compileFunction(code.replace(/^#!.*/, '')); // a module may have a `require` of its own
    } catch (error) {
        return MODULE_ONLY.test(String(/** @type {Error} */ (error).message)) ? 'module' : 'commonjs';
    }
    return 'commonjs';
}

/** @param {any} error of either version @param {string} file */
export function coffeeError(error, file) {
    const at = error.location;
    return at
        ? new SourceError(error.message, file, at.first_line + 1, at.first_column + 1)
        : new SourceError(error.message, file, 1, 1);
}

/** Both compilers put a formatter of stacks of their own into the process when they are loaded or
 *  used; Node's knows the lines of all sources. @param {string} name @param {string} source
 *  @param {string} file @param {boolean} bare @returns {any} */
function runCoffee(name, source, file, bare) {
    const formatter = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    try {
        return require(name).compile(source, { bare, filename: file, sourceMap: true });
    } finally {
        if (formatter) {
            Object.defineProperty(Error, 'prepareStackTrace', formatter);
        } else {
            Reflect.deleteProperty(Error, 'prepareStackTrace');
        }
    }
}

/** Compilers of 2011 took octal escapes, those of today take none: \033 becomes \x1b, which keeps
 *  columns where they are as far as it can be done. @param {string} source @param {any} error
 *  @returns {string | undefined} */
function withoutOctalEscape(source, error) {
    if (!error.location || !/^octal escape sequences/.test(error.message)) {
        return undefined;
    }
    const lines = source.split('\n');
    const { first_line: line, first_column: column } = error.location;
    const text = lines[line] ?? '';
    const escape = /^\\([0-3]?[0-7]{1,2})/.exec(text.slice(column));
    if (!escape) {
        return undefined;
    }
    const hex = parseInt(escape[1], 8).toString(16).padStart(2, '0');
    lines[line] = `${text.slice(0, column)}\\x${hex}${text.slice(column + escape[0].length)}`;
    return lines.join('\n');
}

/** Version 1 takes what was written for it and version 2 refuses; one octal escape after the other
 *  is written anew.  `refusal` is what version 2 said. @param {string} source @param {string} file
 *  @param {boolean} [bare] what it declares stays at the top level */
export function tryCoffee(source, file, bare = true) {
    /** @type {any} */
    let refusal;
    for (let text = source, n = 0; n <= OCTAL_ESCAPES_MAX; n++) {
        /** @type {any} */
        let failure;
        for (const name of ['coffeescript', 'coffee-script']) {
            try {
                return { result: runCoffee(name, text, file, bare), refusal };
            } catch (error) {
                refusal ??= error;
                failure ??= error;
            }
        }
        const next = withoutOctalEscape(text, failure);
        if (next === undefined) {
            break;
        }
        text = next;
    }
    return { result: undefined, refusal };
}

/** @param {string} source @param {string} file @returns {Kept} */
function compileCoffee(source, file) {
    const { result, refusal } = tryCoffee(source, file);
    if (!result) {
        throw coffeeError(refusal, file);
    }
    let note;
    if (refusal) {
        const at = coffeeError(refusal, file);
        note = `CoffeeScript 2 refuses line ${at.line} (${at.message.split('\n')[0]}), compiled as CoffeeScript 1`;
    }
    return { code: result.js, map: keepMap(result.v3SourceMap), format: formatOf(result.js, file), note };
}

/** @param {any} failure what esbuild throws @param {string} file */
function esbuildError(failure, file) {
    const [first] = failure.errors ?? [];
    return first
        ? new SourceError(first.text, file, first.location?.line ?? 1, (first.location?.column ?? 0) + 1)
        : failure;
}

/** @type {import('esbuild').TransformOptions} */
const TYPESCRIPT = { logLevel: 'silent', loader: 'ts', target: TARGET, sourcemap: true, sourcesContent: false };

/** @param {{code: string, map: string}} result of esbuild @param {string} file @returns {Kept} */
function fromEsbuild(result, file) {
    return { code: result.code, map: keepMap(result.map), format: formatOf(result.code, file) };
}

/** @param {string} source @param {string} file */
function compileTypeScript(source, file) {
    try {
        return fromEsbuild(require('esbuild').transformSync(source, TYPESCRIPT), file);
    } catch (error) {
        throw esbuildError(error, file);
    }
}

/** @param {string} source @param {string} file */
function moduleToScript(source, file) {
    const loader = file.endsWith('.ts') ? 'ts' : 'js';
    try {
        return fromEsbuild(require('esbuild').transformSync(source, { ...TYPESCRIPT, loader, format: 'cjs' }), file);
    } catch (error) {
        const wrong = esbuildError(error, file);
        if (/top-level await/i.test(wrong.message)) {
            wrong.message = 'a module with await at its top level cannot be required, only imported';
        }
        throw wrong;
    }
}

/** @param {string} message */
const toStandardError = (message) => process.stderr.write(`${message}\n`);

/**
 * @param {{app: string, note?: (message: string) => void}} options `app` absolute; notes go to
 *   standard error, which is the log, unless told otherwise
 * @returns {Compiler}
 */
export function createCompiler({ app, note = toStandardError }) {
    const cache = createCache(app);
    /** @type {Map<string, Compiled>} */
    const known = new Map();

    /** @param {string} kind @param {string} file @param {string} source */
    const keyOf = (kind, file, source) => {
        const made = kind === '.coffee' ? [versionOf('coffeescript'), versionOf('coffee-script')] : [versionOf('esbuild'), TARGET];
        return cache.key([FORM, kind, ...made, path.relative(app, file), source]);
    };

    /** @param {string} kind @param {string} file @param {string} source
     *  @param {(source: string, file: string) => Kept} make @returns {Compiled} */
    const cached = (kind, file, source, make) => {
        const key = keyOf(kind, file, source);
        /** @type {Kept | undefined} */
        let result = cache.get(key);
        if (!result) {
            result = make(source, file);
            cache.put(key, result);
        }
        if (result.note) {
            note(`${path.relative(app, file)}: ${result.note}`);
        }
        return { code: result.code + inlineMap(result.map, file), format: result.format, mapped: true };
    };

    /** @param {string} file @returns {Compiled} */
    const make = (file) => {
        const source = readSource(file);
        switch (path.extname(file)) {
        case '.coffee':
            return cached('.coffee', file, source, compileCoffee);
        case '.ts':
            return cached('.ts', file, source, compileTypeScript);
        default:
            return { code: source, format: formatOf(source, file), mapped: false };
        }
    };

    /** @type {Compiler} */
    const compiler = {
        read(file) {
            const result = known.get(file) ?? make(file);
            known.set(file, result);
            return result;
        },

        asScript(file) {
            const result = compiler.read(file);
            if (result.format === 'commonjs') {
                return result;
            }
            // CoffeeScript's own result is what becomes a script.
            const source = file.endsWith('.coffee') ? result.code : readSource(file);
            return cached('script', file, source, moduleToScript);
        },

        diagnose(file) {
            try {
                require('esbuild').transformSync(compiler.read(file).code, { loader: 'js', logLevel: 'silent' });
            } catch (error) {
                const wrong = esbuildError(error, file);
                return wrong instanceof SourceError ? wrong : undefined;
            }
            return undefined;
        },

        // A run of esbuild for each file would cost 10 ms and more; its service takes all at once.
        async prepare(files) {
            const wanted = files.filter((file) => file.endsWith('.ts')).map((file) => {
                const source = readSource(file);
                return { file, source, key: keyOf('.ts', file, source) };
            }).filter(({ key }) => cache.get(key) === undefined);
            if (wanted.length < 2) {
                return;
            }
            const esbuild = require('esbuild');
            await Promise.all(wanted.map(async ({ file, source, key }) => {
                // What is wrong is found again, and told, when the file's turn comes.
                const result = await esbuild.transform(source, TYPESCRIPT).catch(() => undefined);
                if (result) {
                    cache.put(key, fromEsbuild(result, file));
                }
            }));
            esbuild.stop();
        },

        finish() {
            known.clear();
            cache.prune();
        },
    };
    return compiler;
}

/** @param {string} file */
function readSource(file) {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
}

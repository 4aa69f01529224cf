// SPDX-License-Identifier: MIT
//
// Applications that cannot run: whatever is wrong with one, its command ends by itself with one
// line that says what, where and what to do, and nothing of it stays behind.
//
// One row is one mistake.  They run side by side, each in a folder and on a port of its own, through
// `socketstream start` unless the row names another command.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
    chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startRedis } from '../lib/redis.mjs';
import { build, environment, freePort, namesIn, read, root, runCommand, somebody } from './app.mjs';

const QUICK_MS = 20000; // far more than any needs, on the busiest of machines

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {Record<string, string>} [files]  that the application has besides a page
 * @property {Record<string, string>} [env]
 * @property {string[]} [args]  the command, instead of start
 * @property {(place: {dir: string, port: number}) => any} [prepare]
 *   gives more of the environment, if anything
 * @property {RegExp} line     all that is said
 * @property {number} [status] 1; 2 for what is wrong with the command line itself
 * @property {boolean} [more]  lines with the source, or what a program said, come behind it
 * @property {boolean} [nobody] it is run by somebody whom permissions concern
 * @property {false | string} [skip]
 */

const json = (/** @type {any} */ value) => ({ 'config/app.json': JSON.stringify(value) });
const production = { SS_ENV: 'production' };
const gate = { SS__api__auth__basic__module_name: 'gate' };
const native = '#include <socketstream.h>\nstatic void f(ss_req *r, json_t *p) { (void)p; ss_reply(r, json_null()); }\nSS_ACTIONS = { { "f", f } };\n';
const coffee = 'exports.actions =\n  hello: (cb) -> cb "hello"\n';

/** A program of the application's folder, which says and ends as it is told.
 *  @param {string} name @param {string} text */
const program = (name, text) => (/** @type {{dir: string}} */ { dir }) => {
    writeFileSync(path.join(dir, name), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(dir, name), 0o755);
};

/** Compiles an object into app/server. @param {string} source */
const object = (source) => (/** @type {{dir: string}} */ { dir }) => {
    execFileSync('cc', ['-shared', '-fPIC', '-xc', '-', '-o', path.join(dir, 'app/server/main.so')], { input: source });
};

/** What the sidecar cannot go on with, as `start` tells it. @param {RegExp} line */
const unready = ({ source }) => new RegExp(`^socketstream: the sidecar ended with status 1 before it was ready: ${source}`);

/** Keys and certificates are made once. @type {Record<string, string>} */
const pems = {};
/** @param {Record<string, string>} files of config/ssl_certs, named in `pems` */
const certificates = (files) => (/** @type {{dir: string}} */ { dir }) => {
    for (const [name, pem] of Object.entries(files)) {
        writeFileSync(path.join(dir, 'config/ssl_certs', name), pems[pem], { mode: 0o600 });
    }
};
const site = (/** @type {string} */ cert, /** @type {string} */ key, /** @type {Record<string, string>} */ more = {}) =>
    certificates({ 'site.cert.pem': cert, 'site.key.pem': key, ...more });
const https = { SS__https__enabled: 'true', SS__https__hostname: '127.0.0.1' };

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;

/** @type {Row[]} */
const rows = [
    // --- configuration: a file ------------------------------------------------------------------
    { what: 'JSON with a comma too many', files: { 'config/app.json': '{\n  "http": {"port": 3000,}\n}' },
        line: /^socketstream: config\/app\.json:2:25: string or '}' expected near '}'$/ },
    { what: 'JSON that ends early', files: { 'config/app.json': '{"http": {' },
        line: /^socketstream: config\/app\.json:1:10: string or '}' expected near end of file$/ },
    { what: 'an empty JSON file', files: { 'config/app.json': '' },
        line: /^socketstream: config\/app\.json:1:0: '\[' or '\{' expected near end of file$/ },
    { what: 'JSON that is a list', files: { 'config/app.json': '[]' },
        line: /^socketstream: config\/app\.json: must hold a JSON object$/ },
    { what: 'a key that is there twice', files: { 'config/app.json': '{\n"a": 1,\n"a": 2}' },
        line: /^socketstream: config\/app\.json:3:3: duplicate object key near '\"a\"'$/ },
    { what: 'two files of configuration', files: { 'config/app.json': '{}', 'config/app.coffee': '' },
        line: /^socketstream: config\/app\.json and config\/app\.coffee conflict: one file holds all, remove the other$/ },
    { what: 'a folder where the configuration is to be', files: { 'config/app.json/x': '' },
        line: /^socketstream: config\/app\.json: not a regular file of at most \d+ bytes$/ },
    { what: 'a configuration that may not be read', nobody: true, files: { 'config/app.json': '{}' },
        prepare: ({ dir }) => chmodSync(path.join(dir, 'config/app.json'), 0),
        line: /^socketstream: config\/app\.json: Permission denied: give yourself access to it$/ },
    { what: 'a link to a configuration that is gone', prepare: ({ dir }) => symlinkSync('nowhere', path.join(dir, 'config/app.json')),
        line: /^socketstream: config\/app\.json: No such file or directory: the link leads nowhere: remove it$/ },
    { what: 'broken CoffeeScript', files: { 'config/app.coffee': 'exports.config =\n  a: 1\n   b: 2\n' }, more: true,
        line: /^socketstream: config\/app\.coffee:3:1: unexpected indentation$/ },
    { what: 'broken TypeScript', files: { 'config/app.ts': 'export const config = {\n  a: ;\n};\n' }, more: true,
        line: /^socketstream: config\/app\.ts:2:6: Unexpected ";"$/ },
    { what: 'a configuration that throws', files: { 'config/environments/development.js': 'const a = 1;\nnull.x;\n' }, more: true,
        line: /^socketstream: config\/environments\/development\.js:2:6: Cannot read propert.* 'x'/ },
    { what: 'a configuration that exports a function', files: { 'config/app.js': 'exports.config = () => ({});\n' },
        line: /^socketstream: config\/app\.js: exports\.config must be an object$/ },
    { what: 'a configuration that needs a Node which is not there', files: { 'config/app.js': 'exports.config = {};\n' },
        env: { SS__host__node: 'node-that-is-missing' },
        line: /^socketstream: config\/app\.js: cannot run 'node-that-is-missing', .*: No such file or directory; install Node 18 or newer, or set SS__host__node to its path$/ },
    // --- configuration: a value -----------------------------------------------------------------
    { what: 'a port that is text', files: json({ http: { port: '3000' } }),
        line: /^socketstream: config\/app\.json:1:10: http\.port must be an integer from 1 to 65535, but is "3000"$/ },
    { what: 'a port out of range', files: json({ http: { port: 65536 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:10: http\.port must be an integer from 1 to 65535, but is 65536$/ },
    { what: 'a port of 0', env: { SS__https__port: '0' }, args: ['config'],
        line: /^socketstream: SS__https__port: https\.port must be an integer from 1 to 65535, but is 0$/ },
    { what: 'a number that is text', files: json({ action_timeout: '30' }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:2: action_timeout must be a number from 0\.1 to 3600, but is "30"$/ },
    { what: 'a number that is too large', files: json({ nginx: { ping_interval: 86401 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:11: nginx\.ping_interval must be a number from 0 to 86400, but is 86401$/ },
    { what: 'an integer with a fraction', files: json({ session: { ttl: 1.5 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:13: session\.ttl must be an integer from 1 to \d+, but is 1\.5$/ },
    { what: 'a switch that is text', files: json({ pack_assets: 'yes' }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:2: pack_assets must be true or false, but is "yes"$/ },
    { what: 'a text that is a number', files: json({ http: { hostname: 127 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:10: http\.hostname must be a string, but is 127$/ },
    { what: 'a list that is text', files: json({ nginx: { origins: 'https://example.com' } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:11: nginx\.origins must be a list of strings, but is "https:\/\/example\.com"$/ },
    { what: 'a list of numbers', files: json({ redis: { sentinels: [26379] } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:11: redis\.sentinels must be a list of strings, but is \[26379\]$/ },
    { what: 'an object that is a number', files: { 'config/app.json': '{\n  "log": 3\n}' }, args: ['config'],
        line: /^socketstream: config\/app\.json:2:3: log must be an object, but is 3$/ },
    { what: 'a password that is a number, and is not repeated', files: json({ redis: { password: 4711 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:11: redis\.password must be a string, but is something else$/ },
    { what: 'a limit of no calls', files: json({ limiter: { enabled: true, websockets: { rps: 0 } } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:42: limiter\.websockets\.rps must be an integer from 1 to 100000, but is 0$/ },
    { what: 'a limit for an unknown protocol', files: json({ limiter: { http: { rps: 5 } } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:13: there is no key "limiter\.http"; limiter has enabled, websockets$/ },
    { what: 'a pattern of browsers that is none', files: json({ browser_check: { rules: [{ refuse: 'MSIE' }, { refuse: '(Chrome' }] } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:19: browser_check\.rules\[1\]: "\(Chrome" is no pattern: .*, at offset 7$/ },
    { what: 'a rule of browsers that is none', files: json({ browser_check: { rules: [{ deny: 'MSIE' }] } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:19: browser_check\.rules\[0\]: a rule is \{"refuse": "pattern"\}, \{"allow": "pattern"\} or a pattern alone$/ },
    // --- configuration: a name ------------------------------------------------------------------
    { what: 'a misspelt key', files: json({ http: { prot: 3000 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:10: there is no key "http\.prot"; did you mean "http\.port"\?$/ },
    { what: 'a misspelt key at the top', files: json({ sesion: { ttl: 5 } }), args: ['config'],
        line: /^socketstream: config\/app\.json:1:2: there is no key "sesion"; did you mean "session"\?$/ },
    { what: 'a misspelt key of an environment', files: { 'config/environments/production.json': '{\n\t"api": {"enable": false}\n}' }, env: production, args: ['config'],
        line: /^socketstream: config\/environments\/production\.json:2:10: there is no key "api\.enable"; did you mean "api\.enabled"\?$/ },
    { what: 'a misspelt key to be shown', args: ['config', 'http.prot'],
        line: /^socketstream: there is no "http\.prot" in the configuration; did you mean "http\.port"\?$/ },
    { what: 'a key to be shown that there is none like', args: ['config', 'nonsense'],
        line: /^socketstream: there is no "nonsense" in the configuration; `socketstream config` lists all$/ },
    { what: 'a misspelt variable', env: { SS__http__prt: '3000' }, args: ['config'],
        line: /^socketstream: SS__http__prt: there is no key "http\.prt"; did you mean "http\.port"\?$/ },
    { what: 'a variable that names nothing', env: { SS__http__: '3000' }, args: ['config'],
        line: /^socketstream: SS__http__: must be names separated by two underscores, as in SS__http__port$/ },
    { what: 'a variable of the wrong type', env: { SS__hosts: 'many' }, args: ['config'],
        line: /^socketstream: SS__hosts: hosts must be an integer from 0 to 64, but is "many"$/ },
    { what: 'an environment with a bad name', env: { SS_ENV: '../production' },
        line: /^socketstream: SS_ENV: must be a name of at most 64 letters, digits, _ and -, but is "\.\.\/production"$/ },
    { what: 'an HTTP API at the root', env: { SS__api__prefix: '/' },
        line: /^socketstream: api\.prefix must be letters, digits, - and _, with single slashes between them, but is "\/"$/ },
    { what: 'an HTTP API in the way', env: { SS__api__prefix: 'assets' },
        line: /^socketstream: api\.prefix must be another path than \/socketstream and \/assets, but is "assets"$/ },
    { what: 'a realm of two lines', files: json({ api: { auth: { basic: { realm: 'a\nb' } } } }),
        line: /^socketstream: api\.auth\.basic\.realm must be 1 to 128 bytes of text without control characters$/ },
    { what: 'a base without a slash', env: { SS__http__base: 'shop' },
        line: /^socketstream: http\.base: "shop" is no path: it begins and ends with a slash, .* as "\/shop\/"$/ },
    { what: 'a cookie with a bad name', env: { SS__session__cookie: 'my cookie' },
        line: /^socketstream: session\.cookie: "my cookie" is no name for a cookie: take 1 to 32 letters, digits, - or _, not beginning with __$/ },
    { what: 'a log format that is none', env: { SS__log__format: 'xml' }, args: ['sidecar', '--listen', 'x.sock'],
        line: /^socketstream sidecar: log\.format must be "auto", "pretty" or "json", but is "xml"$/ },
    // --- the application's folder ---------------------------------------------------------------
    { what: 'a folder without app', prepare: ({ dir }) => rmSync(path.join(dir, 'app'), { recursive: true }), args: ['console', '-e', '1'],
        line: /^socketstream: \/\S* is no SocketStream application, it has no folder app\/: make one with `socketstream new`, .*--app$/ },
    { what: 'a name with a dot', files: { 'app/server/chat.room.js': '' },
        line: /^socketstream: app\/server\/chat\.room\.js: names of modules and their folders may hold letters, digits, _ \$ and -$/ },
    { what: 'a module named like the protocol', files: { 'app/server/system.coffee': coffee },
        line: /^socketstream: app\/server\/system\.coffee: 'system' is a name of the protocol; take another$/ },
    { what: 'a folder named like a file', files: { 'app/server/chat.coffee': coffee, 'app/server/chat/room.js': '' },
        line: /^socketstream: Unable to load the \/\S*\/app\/server\/chat directory: It conflicts with .* \/\S*\/app\/server\/chat\.coffee: both are 'chat'; rename one$/ },
    { what: 'a link to a folder above', prepare: ({ dir }) => symlinkSync('..', path.join(dir, 'app/server/up')),
        line: /^socketstream: \/\S*\/app\/server\/up\/\S*: more than 32 folders deep; does a link point upwards\?$/ },
    { what: 'a module that may not be read', nobody: true, env: production, files: { 'app/server/main.coffee': coffee },
        prepare: ({ dir }) => { chmodSync(path.join(dir, 'app/server/main.coffee'), 0); mkdirSync(path.join(dir, '.socketstream')); belongsTo(path.join(dir, '.socketstream'), somebody(dir)); },
        line: unready(/app\/server\/main\.coffee: EACCES: permission denied, open '\/\S*\/main\.coffee'$/) },
    { what: 'a folder of modules that may not be read', nobody: true, files: { 'app/server/more/main.coffee': coffee },
        prepare: ({ dir }) => chmodSync(path.join(dir, 'app/server/more'), 0),
        line: /^socketstream: cannot read the folder \/\S*\/app\/server\/more: Permission denied: give yourself access to it$/ },
    { what: 'a run folder that everybody may write to',
        prepare: ({ dir }) => {
            mkdirSync(path.join(dir, '.socketstream'));
            chmodSync(path.join(dir, '.socketstream'), 0o777);
        },
        line: /^socketstream: everybody can write to \/\S*\/\.socketstream: chmod 700 it$/ },
    { what: 'a run folder that may not be written to', nobody: true,
        prepare: ({ dir }) => mkdirSync(path.join(dir, '.socketstream'), { mode: 0o555 }),
        line: /^socketstream: cannot write to \/\S*\/\.socketstream: Permission denied; .*give yourself write access to it$/ },
    { what: 'nothing packed in production', env: production, files: { 'app/client/app.coffee': '' },
        line: /^socketstream: the assets are not packed, there is no public\/assets\/manifest\.json: run `socketstream pack`$/ },
    { what: 'assets of development in production', env: production, files: { 'app/client/app.coffee': '', 'public/assets/manifest.json': '{"version":"1.0.0","development":true}' },
        line: /^socketstream: the assets in public\/ are those of development: run `socketstream pack`$/ },
    { what: 'assets of another version', env: production, files: { 'app/client/app.coffee': '', 'public/assets/manifest.json': '{"version":"0.0.1"}' },
        line: /^socketstream: the assets were packed by SocketStream 0\.0\.1: run `socketstream pack`$/ },
    { what: 'broken CoffeeScript for browsers', args: ['pack'], files: { 'app/views/app.html': '<html><head></head></html>', 'app/client/app.coffee': 'a =\n  b: 1\n   c: 2\n' }, more: true,
        line: /^app\/client\/app\.coffee:3:1: unexpected indentation$/ },
    { what: 'a public folder that may not be written to', nobody: true, args: ['pack'], files: { 'app/views/app.html': '<html><head></head></html>', 'app/client/app.coffee': 'a = 1' },
        prepare: ({ dir }) => chmodSync(path.join(dir, 'public'), 0o555),
        line: /^cannot pack: EACCES: permission denied, mkdir '\/\S*\/public\/assets': give yourself access to it$/ },
    // --- actions --------------------------------------------------------------------------------
    { what: 'broken CoffeeScript in production', env: production, files: { 'app/server/main.coffee': 'exports.actions =\n  a: (cb) ->\n    cb (1\n' }, more: true,
        line: unready(/app\/server\/main\.coffee:3:10: unmatched OUTDENT$/) },
    { what: 'broken JavaScript in production', env: production, files: { 'app/server/main.js': 'exports.actions = {\n  a(cb) { cb(1 }\n};\n' }, more: true,
        line: unready(/app\/server\/main\.js:2:14: missing \) after argument list$/) },
    { what: 'broken TypeScript in production', env: production, files: { 'app/server/main.ts': 'export const actions = {\n  a(cb: ) { cb(1); }\n};\n' }, more: true,
        line: unready(/app\/server\/main\.ts:2:9: Unexpected "\)"$/) },
    { what: 'a module that throws', env: { ...production, SS__hosts: '3' }, files: { 'app/server/a.coffee': coffee, 'app/server/main.js': 'require("no-such-module");\n' }, more: true,
        line: unready(/app\/server\/main\.js:1:1: Cannot find module 'no-such-module'$/) },
    { what: 'an action with a name that cannot be called', env: production, files: { 'app/server/main.js': 'exports.actions = { "a b"(cb) { cb(1); } };\n' },
        line: unready(/app\/server\/main\.js: 'main\.a b' is no good name for an action: it may hold letters, digits, _ \$ - and dots$/) },
    { what: 'a module that ends the process', env: production, files: { 'app/server/main.js': 'process.exit(3);\n' },
        line: unready(/host 0 ended with status 3 before it was ready: app\/server\/main\.js ended the process while it was loaded$/) },
    { what: 'C that does not compile', files: { 'app/server/main.c': '#include <socketstream.h>\n\nint broken(void) { return nothing; }\n' }, more: true,
        line: unready(/\/\S*\/main\.c does not compile: \/\S*\/app\/server\/main\.c:3:\d+: error: .*nothing.*$/) },
    { what: 'C without its header', files: { 'app/server/main.c': '#include <no-such.h>\n' }, more: true,
        line: unready(/\/\S*\/main\.c does not compile: \/\S*\/app\/server\/main\.c:1:\d+: fatal error: .*no-such\.h.*$/) },
    { what: 'no C compiler', files: { 'app/server/main.c': '' }, env: { CC: 'cc-that-is-missing' },
        line: unready(/cannot run the C compiler 'cc-that-is-missing' for \/\S*\/main\.c: No such file or directory; install one \(apt-get install gcc\), or name yours by CC$/) },
    { what: 'an object without actions', prepare: object('int x;\n'),
        line: unready(/\/\S*\/main\.so exports no actions: SS_ACTIONS = \{ … \}; is missing$/) },
    { what: 'an object for another version', prepare: object('#include <stdint.h>\nconst uint32_t ss_module_abi = 99;\nconst void *const ss_module_actions[2] = {0, 0};\n'),
        line: unready(/\/\S*\/main\.so was compiled for version 99 of the action interface, this is version \d+: compile it again$/) },
    { what: 'an object that is none', files: { 'app/server/main.so': 'text' },
        line: unready(/\/\S*\/main\.so cannot be loaded: .*file too short$/) },
    { what: 'an object that crashes', prepare: object('__attribute__((constructor)) static void f(void) { __builtin_trap(); }\n'),
        line: /^socketstream: the sidecar ended by signal \d+ \(.*\) before it was ready: \/\S*\/app\/server\/main\.so crashes while it is loaded: correct it, or remove it$/ },
    { what: 'an object that ends the process', prepare: object('#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { exit(0); }\n'),
        line: /^socketstream: the sidecar ended with status 0 before it was ready: \/\S*\/app\/server\/main\.so ends the process while it is loaded: correct it, or remove it$/ },
    { what: 'a module that crashes as it starts', files: { 'app/server/main.c': `${native}int ss_module_start(void) { __builtin_trap(); }\n` },
        line: /^socketstream: the sidecar ended by signal \d+ \(.*\) before it was ready: \/\S*\/app\/server\/main\.c crashes while it is loaded: correct it, or remove it$/ },
    { what: 'a module that does not start', files: { 'app/server/main.c': `${native}int ss_module_start(void) { return 3; }\n` },
        line: unready(/\/\S*\/main\.c: ss_module_start\(\) refused with 3$/) },
    { what: 'a database that is away', env: production, files: { 'app/server/main.coffee': coffee, 'config/db.js': 'module.exports = async () => {\n    throw new Error("connect ECONNREFUSED");\n};\n' }, more: true,
        line: unready(/config\/db\.js:2:11: connect ECONNREFUSED$/) },
    { what: 'broken middleware', env: production, files: { 'config/http.coffee': 'exports.middleware = [\n' }, more: true,
        line: unready(/config\/http\.coffee:1:22: missing \]$/) },
    { what: 'middleware that exports nothing', env: production, files: { 'config/http.js': '"use strict";\n' },
        line: unready(/config\/http\.js: there is no exports\.call, a function of request, response and next, .*$/) },
    { what: 'middleware without a host', env: { SS__hosts: '0' }, files: { 'config/http.js': '' },
        line: /^socketstream: config\/http\.js is middleware, which a host runs, but hosts is 0: set it to 1 or more, or remove the file$/ },
    // --- the module of Basic Auth ---------------------------------------------------------------
    { what: 'a module for passwords that is nowhere', files: { 'app/server/main.coffee': coffee, ...json({ api: { auth: { basic: { module_name: 'gate' } } } }) },
        line: unready(/config\/app\.json: api\.auth\.basic\.module_name is "gate", but there is no such file in lib\/server, and no such package, and no module of that name in app\/server exports ss_module_authenticate\(\): correct the name, or make one .*$/) },
    { what: 'a module for passwords that exports nothing', env: gate, files: { 'app/server/main.coffee': coffee, 'lib/server/gate.js': 'exports.x = 1;\n' },
        line: unready(/SS__api__auth__basic__module_name: api\.auth\.basic\.module_name is "gate", but that module has no exports\.authenticate, and no module .*: correct the name, or make one .*$/) },
    { what: 'a module for passwords that is broken', env: { ...gate, ...production }, files: { 'app/server/main.coffee': coffee, 'lib/server/gate.js': 'require("no-such-module");\n' }, more: true,
        line: unready(/lib\/server\/gate\.js:1:1: Cannot find module 'no-such-module'$/) },
    { what: 'a module for passwords that is nowhere in C', env: gate, files: { 'app/server/main.c': native },
        line: unready(/SS__api__auth__basic__module_name: api\.auth\.basic\.module_name is "gate", but there is no JavaScript, and no module .*: correct the name, or make one .*$/) },
    { what: 'a module for passwords in C without its hook', env: gate, files: { 'app/server/gate.c': native },
        line: unready(/SS__api__auth__basic__module_name: api\.auth\.basic\.module_name is "gate", but there is no JavaScript, .* exports ss_module_authenticate\(\): .*$/) },
    // --- hosts ----------------------------------------------------------------------------------
    { what: 'a host that is missing', env: { ...production, SS__host__commands: '["python-that-is-missing host.py"]' },
        line: unready(/host 0 ended with status 1 .*: python-that-is-missing: No such file or directory \(host\.commands: "python-that-is-missing host\.py"\)$/) },
    { what: 'a host that ends', env: { ...production, SS__host__commands: '["./host.sh"]' }, prepare: program('host.sh', 'echo no module named socketstream >&2; exit 3'),
        line: unready(/host 0 ended with status 3 before it was ready: no module named socketstream \(host\.commands: "\.\/host\.sh"\)$/) },
    { what: 'a host that says what it is not', env: { ...production, SS__host__commands: '["echo hello"]' },
        line: unready(/host 0 ended with status 0 before it was ready \(host\.commands: "echo hello"\)$/) },
    { what: 'a host without a name', env: { SS__host__commands: '[" "]' },
        line: unready(/host\.commands: a command is empty$/) },
    { what: 'Node that is missing', env: { SS__host__node: '/nowhere/node' }, files: { 'app/server/main.coffee': coffee },
        line: /^socketstream: host\.node: \/nowhere\/node: No such file or directory/ },
    { what: 'Node that is another program', env: { SS__host__node: '/bin/true' }, files: { 'app/server/main.coffee': coffee },
        line: /^socketstream: host\.node: \/\S*true does not tell its version as Node does: install Node 18 .*$/ },
    { what: 'Node for middleware that is missing', env: { SS__host__node: 'node-that-is-missing' }, files: { 'config/http.js': '' },
        line: /^socketstream: node-that-is-missing was not found: this application needs Node 18 or newer: / },
    { what: 'Node that is too old', env: { SS__host__node: './node' }, files: { 'app/server/main.coffee': coffee }, prepare: program('node', 'if test "$1" = --version; then echo v12.22.9; else echo "SyntaxError: Unexpected token" >&2; exit 1; fi'),
        line: /^socketstream: host\.node: \/\S*\/node is Node 12\.22\.9, which is too old: install Node 18 or newer .*, or set host\.node in the configuration$/ },
    // --- ports ----------------------------------------------------------------------------------
    { what: 'a hostname that is of another machine', env: { SS__http__hostname: '192.0.2.1' },
        line: /^socketstream: http\.hostname: "192\.0\.2\.1" is no address of this machine: take "0\.0\.0\.0" for all of them, .*$/ },
    { what: 'a hostname that there is none', env: { SS__http__hostname: 'no.such.invalid' },
        line: /^socketstream: http\.hostname: "no\.such\.invalid" is no address of this machine: take "0\.0\.0\.0" for all of them, .*$/ },
    { what: 'two ports that are one', prepare: ({ port }) => ({ ...https, SS__https__port: String(port) }),
        line: /^socketstream: https\.port must be another than http\.port, which is \d+ too$/ },
    { what: 'a port that the balancer needs', args: ['start', '--port', '65535', '--nodes', '2'],
        line: /^socketstream: --port 65535 leaves no numbers for 2 nodes$/ },
    // --- nginx ----------------------------------------------------------------------------------
    { what: 'nginx that is missing', env: { SS__nginx__binary: '/nowhere/nginx' },
        line: /^socketstream: nginx\.binary: \/nowhere\/nginx: No such file or directory/ },
    { what: 'nginx that is too old', env: { SS__nginx__binary: './nginx' }, prepare: program('nginx', 'echo "nginx: [emerg] module \\"/x.so\\" version 1022001 instead of 1018000 in /x/nginx.conf:3" >&2; exit 1'),
        line: /^socketstream: the module was built for another nginx: build it anew \(make clean module\)$/ },
    { what: 'nginx that is no program', env: { SS__nginx__binary: './nginx' }, prepare: ({ dir }) => { writeFileSync(path.join(dir, 'nginx'), 'text'); chmodSync(path.join(dir, 'nginx'), 0o755); },
        line: /^socketstream: nginx ended with status 127 before it was ready: \/\S*\/nginx: .*not found$/ },
    { what: 'a module for nginx that is missing', env: { SS__nginx__module: 'nowhere.so' },
        line: /^socketstream: nginx\.module: nowhere\.so: No such file or directory/ },
    { what: 'a module for nginx that is none', env: { SS__nginx__module: 'module.so' }, files: { 'module.so': 'text' },
        line: /^socketstream: nginx ended with status 1 before it was ready: .*\/module\.so" failed .*: correct nginx\.module, or build it anew \(make clean module\)$/ },
    { what: 'an origin that is none', env: { SS__nginx__origins: '["example.com"]' },
        line: /^socketstream: nginx\.origins: "example\.com" is none: it must be "any", "same" or like "https:\/\/example\.com"$/ },
    // --- HTTPS ----------------------------------------------------------------------------------
    { what: 'a certificate without a key', env: https, prepare: certificates({ 'site.cert.pem': 'key.cert' }),
        line: /^socketstream: config\/ssl_certs\/site\.key\.pem is missing: .*; put it there, or make both anew \(socketstream certs key, .*\)$/ },
    { what: 'a key of another certificate', env: https, prepare: site('key.cert', 'other.key'),
        line: /^socketstream: config\/ssl_certs\/site\.key\.pem is not the key of config\/ssl_certs\/site\.cert\.pem: put in its place .*$/ },
    { what: 'an encrypted key', env: https, prepare: site('key.cert', 'encrypted.key'),
        line: /^socketstream: config\/ssl_certs\/site\.key\.pem: the key is encrypted, .*: decrypt it \(openssl pkey .*$/ },
    { what: 'a certificate that is none', env: https, prepare: site('text', 'key.key'),
        line: /^socketstream: config\/ssl_certs\/site\.cert\.pem: there is no certificate in it: it must be in PEM, .*$/ },
    { what: 'a certificate that has expired', env: { ...https, ...production }, prepare: site('expired.cert', 'key.key'),
        line: /^socketstream: config\/ssl_certs\/site\.cert\.pem expired on \d{4}-\d\d-\d\d: renew it \(socketstream certs acme tells how\)$/ },
    { what: 'a certificate for another name', env: { ...https, ...production, SS__https__domain: 'www.example.com' }, prepare: site('signed.cert', 'key.key'),
        line: /^socketstream: config\/ssl_certs\/site\.cert\.pem is for localhost, but https\.domain is "www\.example\.com": request one for that name, or change https\.domain$/ },
    { what: 'the chain of another issuer', env: https, prepare: site('signed.cert', 'key.key', { 'site.ca.pem': 'key.cert' }),
        line: /^socketstream: config\/ssl_certs\/site\.ca\.pem: no certificate in it issued .*site\.cert\.pem, whose issuer is "CN=other": take the file .*$/ },
    { what: 'a certificate by a name that there is none', env: { ...https, SS__https__cert_name: 'main' },
        line: /^socketstream: config\/ssl_certs\/main\.cert\.pem is missing: https\.cert_name is "main", so put the certificate there, .*$/ },
    { what: 'a name of certificates with a slash', env: { ...https, SS__https__cert_name: '../main' }, args: ['certs', 'check'],
        line: /^socketstream: https\.cert_name must be the first part of a file\'s name, such as "site" for site\.cert\.pem, but is "\.\.\/main"$/ },
    { what: 'a domain that is an address', env: { ...https, SS__https__domain: 'https://example.com/' },
        line: /^socketstream: https\.domain must be a host\'s name without scheme, port and path, such as "www\.example\.com", but is ".*"$/ },
    // --- Redis ----------------------------------------------------------------------------------
    { what: 'a password that Redis refuses', prepare: () => ({ SS__redis__url: redis.url, SS__redis__password: 'nobody-knows' }),
        line: /^socketstream: Redis at \/\S*\.sock refuses us: (?!.*nobody-knows).*: correct redis\.username, redis\.password and redis\.db_index$/ },
    { what: 'a user of Redis without a password', prepare: () => ({ SS__redis__url: redis.url, SS__redis__username: 'nobody' }),
        line: /^socketstream: Redis at \/\S*\.sock refuses us: WRONGPASS .*: correct redis\.username, redis\.password and redis\.db_index$/ },
    { what: 'Sentinels that do not know the master', prepare: async () => ({ SS__redis__sentinels: JSON.stringify([await ignorantSentinel()]) }),
        line: /^socketstream: the Sentinel at 127\.0\.0\.1:\d+ does not know the master 'mymaster': it watches no such master: correct redis\.sentinel_master, or the Sentinel's configuration$/ },
    { what: 'a database that Redis does not have', prepare: () => ({ SS__redis__url: redis.url, SS__redis__db_index: '999' }),
        line: /^socketstream: Redis at \/\S*\.sock refuses us: ERR DB index is out of range: correct redis\.username, redis\.password and redis\.db_index$/ },
    { what: 'Redis with TLS', env: { SS__redis__url: 'rediss://localhost' },
        line: /^socketstream: redis\.url: rediss:\/\/ needs TLS, .*: use redis:\/\/ on a trusted network, .*$/ },
    { what: 'a URL of Redis that is none', env: { SS__redis__url: 'localhost:6379' },
        line: /^socketstream: redis\.url: must begin with redis:\/\/ or unix:\/\/$/ },
    { what: 'a Sentinel that is none', env: { SS__redis__sentinels: '["10.0.0.1:port"]' },
        line: /^socketstream: redis\.sentinels: must be a list like \["10\.0\.0\.1:26379"\]$/ },
    { what: 'a prefix of keys with a star', env: { SS__redis__key_prefix: 'ss*', SS__redis__host: '127.0.0.1' },
        line: /^socketstream: redis\.key_prefix: must have at most 64 bytes, none of them a space or one of .*$/ },
    { what: 'a socket of Redis that is relative', env: { SS__redis__socket: 'redis.sock' },
        line: /^socketstream: redis: the path of a Unix socket must begin with \/ and have at most 107 bytes$/ },
    { what: 'a Redis for events that is none', env: { SS__redis_pubsub__url: 'http://localhost' },
        line: /^socketstream: redis_pubsub\.url: must begin with redis:\/\/ or unix:\/\/$/ },
    { what: 'redis-server that is missing', env: { SS__redis__binary: '/nowhere/redis-server' },
        line: /^socketstream: redis\.binary: \/nowhere\/redis-server: No such file or directory/ },
    { what: 'redis-server that does not start', env: { SS__redis__binary: './redis' }, prepare: program('redis', 'echo "12:M 26 Nov 2026 08:00:00.000 # Bad file format reading the append only file"; exit 1'),
        line: /^socketstream: redis ended with status 1 before it was ready; Bad file format reading the append only file; \/\S*\/redis\.log holds what it said$/ },
    { what: 'data that Redis cannot read', files: { '.socketstream/redis/appendonlydir/appendonly.aof.manifest': 'nonsense\n' },
        line: /^socketstream: redis ended with status 1 before it was ready; .*manifest.*; \/\S*\/redis\.log holds what it said$/ },
    // --- the command line -----------------------------------------------------------------------
    { what: 'an option that there is none', args: ['start', '--prot', '3000'], status: 2,
        line: /^socketstream start: there is no option "--prot"; did you mean "--port"\?$/ },
    { what: 'an option without its value', args: ['start', '--port'], status: 2,
        line: /^socketstream start: --port needs a value: --port N$/ },
    { what: 'an option with a bad value', args: ['start', '--port', 'http'], status: 2,
        line: /^socketstream start: --port must be a number from 1 to 65535, but is "http"$/ },
    { what: 'an option that is left out', args: ['sidecar'], status: 2,
        line: /^socketstream sidecar: --listen PATH is missing; usage: socketstream sidecar --listen PATH \[OPTIONS\]$/ },
    { what: 'a user that there is none', args: ['sidecar', '--listen', 'x.sock', '--workers-uid', 'no-such-user'], status: 2,
        line: /^socketstream sidecar: there is no user 'no-such-user'$/ },
];

/** An application with a page that nothing packs. @param {Row} row */
function makeApp({ files = {} }) {
    const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')));
    const all = { 'public/index.html': '<!doctype html>\n<title>Page</title>\n', ...files };
    for (const folder of ['app/server', 'config/environments', 'config/ssl_certs', 'tmp']) {
        mkdirSync(path.join(dir, folder), { recursive: true });
    }
    for (const [name, text] of Object.entries(all)) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        writeFileSync(path.join(dir, name), text);
    }
    chmodSync(dir, 0o755);
    return dir;
}

/** Command lines with that folder in them. @param {string} dir */
const processesOf = (dir) => readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => read(`/proc/${name}/cmdline`).replaceAll('\0', ' '))
    .filter((line) => line.includes(dir));

/** What only a run that goes on may have there. @param {string} dir */
function leftIn(dir) {
    const run = path.join(dir, '.socketstream');
    const names = existsSync(run) && !existsSync(path.join(run, 'not-a-folder')) ? listed(run) : [];
    return [
        ...names.filter((name) => /\.(?:pid|sock)$|^(?:state|sidecar)\.json$|^packed$/.test(path.basename(name))),
        ...readdirSync(path.join(dir, 'tmp')),
        ...processesOf(dir),
    ];
}

/** @param {string} folder */
const listed = (folder) => {
    try {
        return namesIn(folder);
    } catch {
        return []; // a file in its place
    }
};

/** @param {number} port */
async function assertFree(port) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
}

/** @param {string} file @param {number | undefined} uid undefined: it is ours already */
function belongsTo(file, uid) {
    if (uid !== undefined) {
        chownSync(file, uid, uid);
    }
}

/** @param {Row} row */
async function assertRefused(row) {
    const dir = makeApp(row);
    const port = await freePort(3);
    const more = await row.prepare?.({ dir, port });
    const args = row.args ?? ['start', '--port', String(port)];
    const started = Date.now();
    const run = await runCommand([args[0], '--app', dir, ...args.slice(1)], {
        cwd: dir,
        env: { TMPDIR: path.join(dir, 'tmp'), NO_COLOR: '1', ...row.env, ...more },
        uid: row.nobody ? somebody(dir) : undefined,
    });
    const [line, ...behind] = run.stderr.trimEnd().split('\n');
    assert.match(line, row.line, run.stderr);
    assert.equal(behind.length > 0, row.more === true, run.stderr);
    assert.equal(run.stdout, '');
    assert.equal(run.code, row.status ?? 1);
    assert.ok(Date.now() - started < QUICK_MS);
    assert.deepEqual(leftIn(dir), []);
    await assertFree(port);
    rmSync(dir, { recursive: true });
}

/** What answers as a Sentinel does that watches something else: a process, since this one is busy. */
async function ignorantSentinel() {
    const child = spawn(process.execPath, ['-e', `require('net')
        .createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('*-1\\r\\n')))
        .listen(0, '127.0.0.1', function () { console.log(this.address().port); });`], { stdio: ['ignore', 'pipe', 'inherit'] });
    after(() => child.kill());
    const [port] = await once(child.stdout, 'data');
    return `127.0.0.1:${String(port).trim()}`;
}

before(async () => {
    redis = await startRedis();
    makePems();
});
after(() => redis.stop());

/** Of two authorities and their certificates, with what can be wrong with one. */
function makePems() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-pems-'));
    const file = (/** @type {string} */ name) => path.join(dir, name);
    const openssl = (/** @type {string[]} */ ...args) => execFileSync('openssl', args, { stdio: 'pipe', cwd: dir });
    for (const name of ['key', 'other']) {
        openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
        openssl('req', '-x509', '-new', '-key', `${name}.key`, '-days', '30', '-subj', `/CN=${name}`, '-addext',
            'subjectAltName=DNS:localhost', '-out', `${name}.cert`);
    }
    openssl('req', '-new', '-key', 'key.key', '-subj', '/CN=site', '-out', 'site.csr');
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost\n');
    openssl('x509', '-req', '-in', 'site.csr', '-CA', 'other.cert', '-CAkey', 'other.key', '-CAcreateserial', '-extfile', 'names',
        '-days', '90', '-out', 'signed.cert');
    openssl('x509', '-req', '-in', 'site.csr', '-CA', 'other.cert', '-CAkey', 'other.key', '-extfile', 'names',
        '-days', '-1', '-out', 'expired.cert');
    openssl('ec', '-in', 'key.key', '-aes128', '-passout', 'pass:secret', '-out', 'encrypted.key');
    for (const name of ['key.key', 'key.cert', 'other.key', 'other.cert', 'signed.cert', 'expired.cert', 'encrypted.key']) {
        pems[name] = read(file(name));
    }
    pems.text = 'this is no PEM\n';
    rmSync(dir, { recursive: true });
}

describe('it says in one line what is wrong, and leaves nothing behind', { concurrency: availableParallelism() + 1 }, () => {
    for (const row of rows) {
        it(row.what, { skip: row.skip ?? false }, () => assertRefused(row));
    }
    it('which are many mistakes', () => assert.ok(rows.length >= 60));
});

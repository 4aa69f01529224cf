// SPDX-License-Identifier: MIT
//
// An action host put together: from SETUP to a loaded application, and what each message of the
// sidecar means from then on.
//
// Owns the globals that the application's files see.  Knows nothing of sockets and of the process,
// which are main.mjs's.

import { createAsks } from './asks.mjs';
import { createQuestion, problemWithModule, QUESTION } from './authenticate.mjs';
import { createDisconnects } from './disconnects.mjs';
import { createDispatch } from './dispatch.mjs';
import { stackOf } from './errors.mjs';
import { createEvents } from './events.mjs';
import { createFailures } from './failures.mjs';
import { createHttp } from './http.mjs';
import { createInflight } from './inflight.mjs';
import { loadApp, requireByName } from './load.mjs';
import { createLog } from './log.mjs';
import { problemOf } from './problems.mjs';
import { createPublish } from './publish.mjs';
import { createRedis } from './redis.mjs';
import { createServerTree } from './server_tree.mjs';
import { noCourse, Session } from './session.mjs';
import { createSS } from './ss.mjs';

/** @typedef {ReturnType<typeof createHost>} ActionHost */

/** R is made when it is first named, so that who does not use it has no connection.
 *  @param {any} config @param {Parameters<typeof createRedis>[1]} host */
function defineR(config, host) {
    /** @type {any} */
    let R;
    Object.defineProperty(globalThis, 'R', {
        get: () => (R ??= createRedis(config.redis, host)),
        set: (value) => { R = value; },
        configurable: true,
    });
    return () => R;
}

/**
 * @param {object} given
 * @param {import('./link.mjs').Link} given.link
 * @param {any} given.setup
 * @param {{timeoutMs: number, maxMessage: number}} given.hello  the sidecar's
 * @param {(reason: string) => void} given.retire
 * @param {number | undefined} given.httpFd  where nginx asks middleware; undefined: it does not
 */
export function createHost({ link, setup, hello, retire, httpFd }) {
    const { config } = setup;
    const asks = createAsks(() => link);
    const { ask, log } = asks;
    const inflight = createInflight(hello.timeoutMs);
    const exception = (/** @type {any} */ error) => events.emit('application:exception', error);
    const failures = createFailures({ log, exception, retire });
    const { callBack } = failures;
    // A handler is the application's own: that one fails does not make the process a sick one.
    const handlerFailed = (/** @type {any} */ error, /** @type {string} */ where) => log('error', `${where}: ${stackOf(error)}`);
    const events = createEvents({ ask, failed: handlerFailed });
    const disconnects = createDisconnects({ listen: events.listen, failed: handlerFailed });

    const sessions = { ask, log, disconnects, requireByName, keyPrefix: config.redis?.key_prefix ?? 'ss' };
    const dispatch = createDispatch({
        link,
        inflight,
        maxMessage: hello.maxMessage,
        explain: config.throw_errors === true ? setup.app : undefined,
        log,
        exception,
        makeSession: (call) => new Session(sessions, call.facts.session, call.facts.socket ?? '', call),
    });

    const tree = createServerTree({ isLocal: dispatch.has, local: dispatch.local, ask, log, callBack });
    tree.learn(setup.actions ?? []);
    const publish = createPublish({ ask, log, callBack });
    const SS = createSS({ setup, server: tree.root, publish, log: createLog(log), events, ask, callBack });
    Object.assign(globalThis, { SS, [config.ss_var || 'SS']: SS });
    const usedR = defineR(config, { log, callBack });

    /** @type {string[]} */
    let own = [];
    /** @type {import('./http.mjs').HttpServer | undefined} */
    let http;

    /** @param {import('./load.mjs').Loaded} loaded */
    const takeMiddleware = (loaded) => {
        if (loaded.http && httpFd === undefined) {
            log('warning', `${loaded.http} does not run: this sidecar has no socket for it, which one that is started with --http-listen now would have`);
        } else if (!loaded.http && httpFd !== undefined) {
            log('warning', 'there is no config/http any more: what nginx still asks about goes by');
        }
        if (httpFd !== undefined) {
            const apiPrefix = config.api?.enabled === false ? undefined : config.api?.prefix ?? 'api';
            http = createHttp({ fd: httpFd, chain: loaded.middleware, apiPrefix, development: setup.env === 'development', log, exception });
        }
    };

    return {
        /** The server of middleware, once the application is loaded. */
        get http() {
            return http;
        },
        failures,
        asks,
        dispatch,
        inflight,
        usedR,

        /** Loads the application; gives what READY says. */
        async load() {
            try {
                const loaded = await loadApp({ app: setup.app, config, ss: SS, http: httpFd !== undefined, log: (message) => log('notice', message) });
                dispatch.offer(loaded.actions);
                dispatch.offer(new Map([[QUESTION, { fn: createQuestion(requireByName), actions: {} }]]));
                own = [...loaded.actions.keys()];
                tree.learn([...(setup.actions ?? []), ...own]);
                takeMiddleware(loaded);
                for (const warning of loaded.warnings) {
                    log('warning', warning);
                }
                const actions = [...loaded.actions].map(([name, { authenticate }]) => (authenticate ? { name, authenticated: true } : { name }));
                const name = config.api?.auth?.basic?.module_name;
                return { actions, problems: loaded.problems, authenticator: name ? problemWithModule(requireByName, name, setup.app) : undefined };
            } catch (error) {
                log('error', `the application cannot be loaded: ${stackOf(error)}`);
                return { actions: [], problems: [problemOf(error, { app: setup.app, file: setup.app })] };
            }
        },

        /** ACTIONS.  @param {string[]} names */
        learn(names) {
            tree.learn([...names, ...own]);
        },

        /** EVENT.  @param {any} told */
        event(told) {
            const { event, socket = '', address = '', channel } = told;
            if (event === 'session:renamed') {
                disconnects.renamed(told.from, told.to);
                events.emit(event, { from: told.from, to: told.to });
                return;
            }
            if (event === 'user:offline') {
                events.emit(event, told.user); // who has no connection has no session to show
                return;
            }
            const course = noCourse(`${event}: `, (error) => handlerFailed(error, event));
            const session = new Session(sessions, told.session, socket, course);
            if (event === 'session:disconnect') {
                disconnects.ended(session);
            }
            events.emit(event, session, channel ?? { socket, address });
        },
    };
}

// SPDX-License-Identifier: MIT
//
// Hooks for React 18 and newer.  They use the page's SS, or the client that a ClientProvider gives.
//
// What an effect begins its clean-up ends, so that StrictMode's second mount finds nothing left; a
// call waits for the end of the turn, so that the mount in between does not make it twice.

import {
    createContext, createElement, useCallback, useContext, useEffect, useRef, useState,
    useSyncExternalStore,
} from 'react';

import { callError, METHOD_NOT_FOUND } from './errors.js';

/** @typedef {import('../types/socketstream.js').Client} Client */

const ClientContext = createContext(/** @type {Client | null} */ (null));

/** @param {{client: Client, children?: import('react').ReactNode}} props */
export function ClientProvider({ client, children }) {
    return createElement(ClientContext.Provider, { value: client }, children);
}

/** @returns {Client} */
export function useClient() {
    const client = useContext(ClientContext) ?? /** @type {any} */ (globalThis).SS;
    if (!client) {
        throw new Error('No client: load socketstream.min.js, or put a <ClientProvider client={…}> around');
    }
    return client;
}

/**
 * Calls the handler of the last render for each event of the name.
 * @param {string} name @param {(params: any, channel?: string) => void} handler
 */
export function useEvent(name, handler) {
    const { events } = useClient();
    const latest = useRef(handler);
    useEffect(() => {
        latest.current = handler;
    });
    useEffect(() => {
        const listener = (/** @type {any} */ params, /** @type {any} */ channel) => latest.current(params, channel);
        events.on(name, listener);
        return () => events.off(name, listener);
    }, [events, name]);
}

/** @returns {import('../types/socketstream.js').State} */
export function useConnection() {
    const { socket } = useClient();
    const subscribe = useCallback(
        (/** @type {() => void} */ changed) => {
            socket.on('state', changed);
            return () => socket.off('state', changed);
        },
        [socket],
    );
    return useSyncExternalStore(subscribe, () => socket.state, () => 'connecting');
}

/** SS.server has no function where the server has no action. @param {any} action @param {any[]} args */
function run(action, args) {
    return typeof action === 'function'
        ? action(...args)
        : Promise.reject(callError('The server has no such action', METHOD_NOT_FOUND));
}

/**
 * The action's result, asked for anew when the arguments change, and after a gap in the connection.
 * @param {(...args: any[]) => Promise<any>} action @param {any[]} [args]
 */
export function useCall(action, args = []) {
    const { socket } = useClient();
    const [state, setState] = useState(/** @type {any} */ ({ data: undefined, error: null, loading: true }));
    const [round, setRound] = useState(0);
    const refetch = useCallback(() => setRound((n) => n + 1), []);
    const key = JSON.stringify(args);

    useEffect(() => {
        let alive = true;
        /** @param {any} change */
        const set = (change) => alive && setState((/** @type {any} */ old) => ({ ...old, ...change }));
        queueMicrotask(() => {
            if (alive) {
                set({ loading: true });
                run(action, JSON.parse(key)).then(
                    (/** @type {any} */ data) => set({ data, error: null, loading: false }),
                    (/** @type {any} */ error) => set({ error, loading: false }),
                );
            }
        });
        return () => {
            alive = false;
        };
    }, [action, key, round]);

    useEffect(() => {
        let lost = false;
        const onDisconnect = () => {
            lost = true;
        };
        const onConnect = () => {
            if (lost) {
                refetch();
            }
            lost = false;
        };
        socket.on('disconnect', onDisconnect);
        socket.on('connect', onConnect);
        socket.on('resync', refetch);
        return () => {
            socket.off('disconnect', onDisconnect);
            socket.off('connect', onConnect);
            socket.off('resync', refetch);
        };
    }, [socket, refetch]);

    return { ...state, refetch };
}

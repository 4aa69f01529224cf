// SPDX-License-Identifier: MIT

/** What a call that fails rejects with. */
export interface CallError extends Error {
    /** As docs/PROTOCOL.md lists them; -32003 when the server is away. */
    code: number;
    /** `data.retryable`: the same call may succeed later. */
    data?: any;
}

/** An action, and a group of actions: SS.server.app.square(25) */
export interface Action {
    (...args: any[]): Promise<any>;
    [name: string]: Action;
}

export interface Events {
    /** Any number of handlers each; `channel` is the name, given for events of a channel. */
    on(name: string, handler: (params: any, channel?: string) => void): void;
    off(name: string, handler?: (params: any, channel?: string) => void): void;
    /** Calls the handlers here; nothing is sent. */
    emit(name: string, ...args: any[]): void;
}

export interface Socket {
    readonly connected: boolean;
    on(name: 'connect', handler: () => void): void;
    on(name: 'disconnect', handler: (detail: { code: number }) => void): void;
    on(name: 'reconnecting', handler: (detail: { attempt: number }) => void): void;
    /** Events may have been missed while the server could not get them: 'redis', 'sidecar'. */
    on(name: 'resync', handler: (detail: { reason: string }) => void): void;
    off(
        name: 'connect' | 'disconnect' | 'reconnecting' | 'resync',
        handler?: (detail?: any) => void,
    ): void;
    connect(): void;
    /** Closes and stays closed; calls that wait for a connection fail. */
    disconnect(): void;
}

export interface Client {
    /** Of the server; '' until it has said so. */
    version: string;
    /** SS_ENV of the server: 'development', 'production', … */
    env: string;
    /** `client` of the server's configuration. */
    config: Record<string, any>;
    server: Record<string, Action>;
    events: Events;
    socket: Socket;
}

export interface Options {
    /** ws:// or wss://; the page's own host and /socketstream when not given. */
    url?: string;
    /** false: only when socket.connect() is called. */
    connect?: boolean;
    WebSocket?: any;
    /** Fetches the session's new cookie after a login; the page's own when not given, none in Node. */
    fetch?: typeof globalThis.fetch;
    /** From 0 to 1, spreads reconnects; Math.random when not given. */
    random?: () => number;
}

export function createClient(options?: Options): Client;

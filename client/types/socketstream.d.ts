// SPDX-License-Identifier: MIT

declare global {
    /**
     * The application's actions.  `socketstream types` writes what is in it to
     * app/socketstream.d.ts; while it is empty, every action with any arguments passes.
     */
    interface SocketStreamServer {}
}

/** What a call that fails rejects with. */
export interface CallError extends Error {
    /** As docs/PROTOCOL.md lists them; -32003 when the server is away. */
    code: number;
    /** `data.retryable`: the same call may succeed later; `data.stack`, in development. */
    data?: any;
}

/** The last argument of a call, or the last before its callback. */
export interface CallOptions {
    /** Neither side logs the call. */
    silent?: boolean;
    /** ms after which the call fails with -32004. */
    timeout?: number;
    /** How often the call is repeated after a retryable error; true: five times. */
    retry?: number | boolean;
    /** false: fails at once when there is no connection. */
    queue?: boolean;
    /** Sent again when the connection is lost before the answer. */
    idempotent?: boolean;
}

/** An action whose arguments nobody has told us, and a group of such actions. */
export interface Action {
    (...args: any[]): Promise<any>;
    [name: string]: Action;
}

/** An action with its arguments: SS.server.app.square(25), SS.server.app.square(25, (n) => …) */
export interface Call<Params extends any[], Result> {
    (...args: Params): Promise<Result>;
    (...args: [...Params, CallOptions]): Promise<Result>;
    (...args: [...Params, (result: Result) => void]): Promise<Result>;
    (...args: [...Params, CallOptions, (result: Result) => void]): Promise<Result>;
}

export type Server = keyof SocketStreamServer extends never
    ? Record<string, Action>
    : SocketStreamServer;

type Handler = (params: any, channel?: string) => void;

export interface Events {
    /** Any number of handlers each; `channel` is the name, given for events of a channel. */
    on(name: string, handler: Handler): void;
    /** The same, for the next event only. */
    once(name: string, handler: Handler): void;
    /** Without a handler: all of them. */
    off(name: string, handler?: Handler): void;
    /** Calls the handlers here, and says whether there were any; nothing is sent. */
    emit(name: string, ...args: any[]): boolean;
}

export type State = 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

export interface Problem {
    file: string;
    line: number;
    column: number;
    message: string;
    frame?: string;
}

/** What SS.socket tells, and what with. */
export interface SocketEvents {
    connect: undefined;
    /** The close code and why; `final`: the library does not connect again by itself. */
    disconnect: { code: number; reason: string; final: boolean };
    reconnecting: { attempt: number };
    state: State;
    /** What the server is and has is known, or known anew. */
    init: { version: string; env: string };
    /** Events may have been missed while the server could not get them: 'redis', 'sidecar'. */
    resync: { reason: string };
    /** Development: of the application's files; none when all is well. */
    problems: { source: 'host' | 'packer'; problems: Problem[] };
    /** Development: an action has thrown, `problem` says where if that is known. */
    exception: { name: string; stack: string; problem?: Problem };
    /** Development: takes the place of the library's own reload. */
    reload: { what: 'page' | 'css'; files?: string[] };
}

export interface Socket {
    readonly connected: boolean;
    readonly state: State;
    /** What carries the messages; null without a connection. */
    readonly transport: 'websocket' | 'sse' | null;
    on<Name extends keyof SocketEvents>(name: Name, handler: (detail: SocketEvents[Name]) => void): void;
    once<Name extends keyof SocketEvents>(name: Name, handler: (detail: SocketEvents[Name]) => void): void;
    off<Name extends keyof SocketEvents>(name: Name, handler?: (detail: SocketEvents[Name]) => void): void;
    connect(): void;
    /** Closes and stays closed; all calls fail. */
    disconnect(): void;
}

export interface Client {
    /** Of the server; '' until it has said so. */
    version: string;
    /** SS_ENV of the server: 'development', 'production', … */
    env: string;
    /** There has been a connection. */
    started: boolean;
    /** `client` of the server's configuration. */
    config: Record<string, any>;
    server: Server;
    /** app/client, which the packer fills in; and the version of this library. */
    client: { version: string; [name: string]: any };
    /** app/shared, which the packer fills in. */
    shared: Record<string, any>;
    events: Events;
    socket: Socket;
    /** Text that is safe between tags and within quoted attributes. */
    escapeHTML(text: unknown): string;
    /** For the packer: `path` is a file's, without extension, its names parted by slashes. */
    register(kind: 'client' | 'shared', path: string, exports: any): void;
}

/** What is made of app/views. */
export interface Templates {
    /** A template by its id, or by its text, filled: a DocumentFragment; of a list, once for each. */
    (template: string, data?: any): any;
    /** Gives a jQuery that is no global its `tmpl`. */
    attach(jQuery: any): void;
}

/** The client of a page that the packer made. */
export interface Page extends Client {
    /** There where the application has templates. */
    tmpl: Templates;
}

export interface Options {
    /** ws:// or wss://, or a path of the page's own host; /socketstream when not given. */
    url?: string;
    /** false: only when socket.connect() is called. */
    connect?: boolean;
    /** Instead of the WebSocket where that works, and else the fallback. */
    transport?: 'websocket' | 'sse';
    /** How many calls may wait for a connection; 1,000 when not given. */
    queue?: number;
    /** How much the console is told, 0 to 5, instead of the server's client.log.level. */
    log?: number;
    WebSocket?: any;
    /** For the fallback, and for the session's new cookie after a login: that not in Node. */
    fetch?: typeof globalThis.fetch;
    /** From 0 to 1, spreads reconnects; Math.random when not given. */
    random?: () => number;
}

export function createClient(options?: Options): Client;

/** Text that is safe between tags and within quoted attributes. */
export function escapeHTML(text: unknown): string;

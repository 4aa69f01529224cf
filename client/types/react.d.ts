// SPDX-License-Identifier: MIT

import type { ReactElement, ReactNode } from 'react';
import type { CallError, Client, State } from './socketstream.js';

/** Gives the components below a client of their own instead of the page's SS. */
export function ClientProvider(props: { client: Client; children?: ReactNode }): ReactElement;

export function useClient(): Client;

/** Calls the handler of the last render for each event of the name. */
export function useEvent<Params = any>(
    name: string,
    handler: (params: Params, channel?: string) => void,
): void;

/** The state of the connection; renders anew when it changes. */
export function useConnection(): State;

export interface CallResult<Result> {
    /** Of the last call that was answered; undefined before. */
    data: Result | undefined;
    error: CallError | null;
    loading: boolean;
    refetch(): void;
}

/** Calls the action, and again when an argument changes or events may have been missed. */
export function useCall<Result = any>(
    action: (...args: any[]) => Promise<Result>,
    args?: any[],
): CallResult<Result>;

// SPDX-License-Identifier: MIT
//
// What is there without an import: SS of the browser in app/client, and of the server in app/server.

import type { Client } from '../../../client/types/socketstream.js';

declare global {
    const SS: Client & {
        publish: { channel(name: string, event: string, params: unknown): Promise<null> };
    };
}

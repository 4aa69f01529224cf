// SPDX-License-Identifier: MIT
//
// HELLO, both ways: u16 version, u16 role, u32 pid, u64 generation, u32 timeout_ms, u32 max_message,
// str16 software (docs/PROTOCOL.md).

import { randomBytes } from 'node:crypto';
import { MESSAGE_MAX } from './bounds.mjs';
import { ProtocolError, str16 } from './link.mjs';

const VERSION = 1;
const ROLE_SIDECAR = 2;
const ROLE_HOST = 3;
const FIXED = 24;

/** @param {string} software */
export function encodeHello(software) {
    const fixed = Buffer.alloc(FIXED);
    fixed.writeUInt16LE(VERSION, 0);
    fixed.writeUInt16LE(ROLE_HOST, 2);
    fixed.writeUInt32LE(process.pid, 4);
    randomBytes(8).copy(fixed, 8);
    fixed.writeUInt32LE(MESSAGE_MAX, 20);
    return Buffer.concat([fixed, str16(software)]);
}

/** What a host has to know of the sidecar's HELLO.  @param {Buffer} payload */
export function decodeHello(payload) {
    const version = payload.length >= 2 ? payload.readUInt16LE(0) : 0;
    if (version !== VERSION) {
        throw new ProtocolError(`the sidecar speaks version ${version} of the link, this host version ${VERSION}`);
    }
    if (payload.length < FIXED + 2 || payload.readUInt16LE(2) !== ROLE_SIDECAR) {
        throw new ProtocolError('a HELLO that is no sidecar\'s');
    }
    return { timeoutMs: payload.readUInt32LE(16), maxMessage: payload.readUInt32LE(20) };
}

// SPDX-License-Identifier: MIT

import type { Client } from './socketstream.js';

/** Development: style sheets are swapped in place, problems stand in the console with their frames. */
export function develop(SS: Client): void;

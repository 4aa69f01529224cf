// SPDX-License-Identifier: MIT
//
// What <script src="…/socketstream.min.js"> runs: connects, and is the page's SS.

import { createClient } from './index.js';

/** @type {any} */ (window).SS = createClient();

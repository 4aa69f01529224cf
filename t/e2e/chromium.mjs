// SPDX-License-Identifier: MIT
//
// Chromium for tests of pages, and what no page may do.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why tests of pages cannot run, or false. */
export const skip = existsSync(executablePath) ? false : `${executablePath} is missing`;

export const launch = () => chromium.launch({
    executablePath,
    args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
});

/**
 * Writes down exceptions, dialogs, and answers that are errors.
 * @param {import('playwright-core').Page} page @param {string[]} problems
 */
export function watch(page, problems) {
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('dialog', (dialog) => problems.push(dialog.message()));
    page.on('response', (response) => {
        if (response.status() >= 400) {
            problems.push(`${response.status()}: ${response.url()}`);
        }
    });
}

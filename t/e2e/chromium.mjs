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

/**
 * A page whose problems are written down, those of its console too.
 * @param {import('playwright-core').Browser} browser @param {'light' | 'dark'} colorScheme
 * @param {string[]} problems @param {number} [width]
 */
export async function openPage(browser, colorScheme, problems, width = 800) {
    const page = await browser.newPage({ viewport: { width, height: 700 }, colorScheme });
    page.setDefaultTimeout(60000);
    watch(page, problems);
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    return page;
}

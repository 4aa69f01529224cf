// SPDX-License-Identifier: MIT
//
// What the driver wants: by arrow keys, by W A S D, or by the buttons for fingers.

import type { Input } from '../shared/track.ts';

const KEYS: Record<string, string> = {
    ArrowUp: 'gas', KeyW: 'gas', ArrowDown: 'brake', KeyS: 'brake',
    ArrowLeft: 'left', KeyA: 'left', ArrowRight: 'right', KeyD: 'right',
};

const held = new Set<string>();

addEventListener('keydown', (event) => {
    const what = KEYS[event.code];
    if (what && !(event.target instanceof HTMLInputElement)) {
        held.add(what);
        event.preventDefault();
    }
});
addEventListener('keyup', (event) => held.delete(KEYS[event.code]));
addEventListener('blur', () => held.clear());

for (const button of document.querySelectorAll<HTMLElement>('[data-control]')) {
    const what = button.dataset.control as string;
    button.addEventListener('pointerdown', (event) => {
        held.add(what);
        button.setPointerCapture(event.pointerId);
    });
    for (const end of ['pointerup', 'pointercancel']) {
        button.addEventListener(end, () => held.delete(what));
    }
    button.addEventListener('contextmenu', (event) => event.preventDefault());
}

const axis = (less: string, more: string) => Number(held.has(more)) - Number(held.has(less));

export const controls = (): Input => ({ gas: axis('brake', 'gas'), steer: axis('left', 'right') });

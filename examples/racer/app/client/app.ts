// SPDX-License-Identifier: MIT
//
// The game: one's own car, driven here and told to the server 30 times a second; the others, as the
// server tells them.

import { controls } from './controls.ts';
import { draw, resize } from './draw.ts';
import * as others from './others.ts';
import { drive, type Car, type Racer } from '../shared/track.ts';

const TELL_MS = 33;
const FRAME_MAX = 0.1; // seconds; whoever looked away does not leap

const $ = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

let name = '';
let me: Racer | null = null;

async function join(): Promise<void> {
    me = await SS.server.race.join(name, { retry: true });
    $('start').hidden = true;
    $('canvas').focus();
}

$('start').addEventListener('submit', async (event) => {
    event.preventDefault();
    name = $<HTMLInputElement>('name').value.trim();
    try {
        await join();
    } catch (error) {
        $('start-error').textContent = (error as Error).message;
    }
});

/** The server does not take a move: it knows better where the car is, or has not heard of it so long. */
async function correct(car: Racer): Promise<void> {
    const seen = others.find(car.id);
    if (seen) {
        Object.assign(car, { x: seen.x, y: seen.y, speed: 0 });
    } else {
        me = null;
        await join();
    }
}

/** A move that comes late is of no use to anybody: it is neither queued nor logged. */
async function tell(): Promise<void> {
    if (!me) {
        return;
    }
    const { id, x, y, angle, speed } = me;
    try {
        const known = await SS.server.race.move({ x, y, angle, speed } satisfies Car, { silent: true, queue: false });
        if (!known && me?.id === id) {
            await correct(me);
        }
    } catch {
        // The next one tells as much.
    }
}

/** Best laps first, then laps. */
function list(cars: Racer[]): void {
    const order = [...cars].sort((a, b) => (a.best || Infinity) - (b.best || Infinity) || b.laps - a.laps);
    $('board').replaceChildren(...order.slice(0, 8).map((car) => {
        const item = document.createElement('li');
        const time = car.best ? `${(car.best / 1000).toFixed(2)} s` : '–';
        item.textContent = `${car.name} · ${car.laps} ${car.laps === 1 ? 'lap' : 'laps'} · ${time}`;
        item.style.setProperty('--hue', String(car.hue));
        item.classList.toggle('me', car.id === me?.id);
        return item;
    }));
}

let last = performance.now();

function frame(now: number): void {
    const seconds = Math.min(FRAME_MAX, (now - last) / 1000);
    last = now;
    if (me) {
        Object.assign(me, drive(me, controls(), seconds));
    }
    draw(others.at(Date.now()).filter(({ id }) => id !== me?.id), me);
    requestAnimationFrame(frame);
}

SS.events.on('cars', (state: { at: number; cars: Racer[] }) => {
    others.hear(state, Date.now());
    const mine = me && others.find(me.id);
    if (me && mine) {
        me.laps = mine.laps;
        me.best = mine.best;
    }
});

// A new connection is a new driver.
SS.socket.on('connect', () => {
    if (me) {
        me = null;
        join();
    }
});
SS.socket.on('state', (state) => {
    $('state').textContent = $('state').dataset.state = state;
});

new ResizeObserver(resize).observe($('canvas'));
setInterval(tell, TELL_MS);
setInterval(() => list(others.all()), 250);
requestAnimationFrame(frame);

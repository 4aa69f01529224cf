// SPDX-License-Identifier: MIT
//
// The race: takes 30 moves a second from each player, and tells all of them how the cars stand, in a
// private channel.  Nothing of it is kept; a car that is not heard of for a while has gone.
//
// Each process tells of its own players only, and pages put together what they hear, so that it does
// not matter how many there are.

import { MAX_SPEED, place, start, type Car, type Racer } from '../shared/track.ts';

const CHANNEL = 'race';
const TELL_MS = 33;
const TELL_IDLE_MS = 500; // when nobody moves
const GONE_MS = 3000;
const RACERS_MAX = 100;
const NAME_MAX = 16; // characters
const SAVED_MS = 1000; // of driving that a move may catch up with, on networks that stutter

const INVALID_PARAMS = -32602;

interface Caller {
    session: { channel: { subscribe(name: string): Promise<unknown> } };
    request: { socket_id: string };
}

interface Entry {
    racer: Racer;
    heard: number; // ms
    reach: number; // how far it can have come since the last move
    thirds: number; // of the lap that were passed in their order
    began: number; // when the lap did, ms; 0 before the first
}

const entries = new Map<string, Entry>();
let joined = 0;
let changed = false;

const fail = (message: string) => Object.assign(new Error(message), { code: INVALID_PARAMS });

/** A lap is all thirds of the road one after the other, and over the line. */
function countLaps(entry: Entry, now: number): void {
    const third = Math.floor(place(entry.racer).along * 3);
    if (third === (entry.thirds + 1) % 3) {
        entry.thirds++;
    }
    if (entry.thirds === 3) {
        const { racer, began } = entry;
        const time = now - began;
        if (began > 0) {
            racer.laps++;
            racer.best = racer.best === 0 ? time : Math.min(racer.best, time);
        }
        entry.thirds = 0;
        entry.began = now;
    }
}

function isCar(value: any): value is Car {
    return ['x', 'y', 'angle', 'speed'].every((name) => Number.isFinite(value?.[name]));
}

export const actions = {
    /** race.join(name): one's own car, as all will see it. */
    async join(this: Caller, name: unknown): Promise<Racer> {
        const text = typeof name === 'string' ? name.trim() : '';
        if (text === '' || [...text].length > NAME_MAX) {
            throw fail(`A name has 1 to ${NAME_MAX} characters`);
        }
        if (entries.size >= RACERS_MAX) {
            throw new Error(`There are ${RACERS_MAX} cars on the track already`);
        }
        await this.session.channel.subscribe(CHANNEL);
        const id = this.request.socket_id;
        const lane = joined++;
        const racer = { ...start(lane), id, name: text, hue: (lane * 137) % 360, laps: 0, best: 0 };
        // Whoever starts behind the line has its first third before them.
        entries.set(id, { racer, heard: Date.now(), reach: 0, thirds: 2, began: 0 });
        changed = true;
        return racer;
    },

    /** race.move(car): where it is now; false when it can't be, or has not joined. */
    async move(this: Caller, car: unknown): Promise<boolean> {
        const entry = entries.get(this.request.socket_id);
        if (!isCar(car)) {
            throw fail('A move is {x, y, angle, speed}');
        }
        if (!entry) {
            return false;
        }
        const now = Date.now();
        const { racer } = entry;
        const way = Math.hypot(car.x - racer.x, car.y - racer.y);
        entry.reach += (MAX_SPEED * Math.min(SAVED_MS, now - entry.heard)) / 1000;
        entry.reach = Math.min(entry.reach, (MAX_SPEED * SAVED_MS) / 1000);
        entry.heard = now;
        if (way > entry.reach + 1) {
            return false;
        }
        entry.reach = Math.max(0, entry.reach - way);
        changed ||= car.x !== racer.x || car.y !== racer.y || car.angle !== racer.angle;
        Object.assign(racer, { x: car.x, y: car.y, angle: car.angle, speed: car.speed });
        countLaps(entry, now);
        return true;
    },
};

let told = 0;

function tell(): void {
    const now = Date.now();
    for (const [id, { heard }] of entries) {
        if (now - heard > GONE_MS) {
            entries.delete(id);
        }
    }
    if (entries.size > 0 && (changed || now - told >= TELL_IDLE_MS)) {
        const cars = [...entries.values()].map(({ racer }) => racer);
        SS.publish.channel(CHANNEL, 'cars', { at: now, cars }).catch(() => {}); // Redis is away; the next may come
        changed = false;
        told = now;
    }
}
setInterval(tell, TELL_MS).unref();

// SPDX-License-Identifier: MIT
//
// The cars as the server tells them.  They are shown a little in the past, between two positions that
// are known, so that they move smoothly however unevenly the news come.

import type { Racer } from '../shared/track.ts';

const DELAY_MS = 100;
const KEEP_MS = 1000;
const GONE_MS = 2000;

interface Seen {
    at: number; // of the server's clock
    car: Racer;
}

const tracks = new Map<string, Seen[]>();
/** What our clock is ahead of the server's, and the quickest message took: the least there was. */
let ahead = Infinity;

export function hear({ at, cars }: { at: number; cars: Racer[] }, now: number): void {
    ahead = Math.min(ahead, now - at);
    for (const car of cars) {
        const track = tracks.get(car.id) ?? [];
        track.push({ at, car });
        while (track.length > 2 && track[1].at < at - KEEP_MS) {
            track.shift();
        }
        tracks.set(car.id, track);
    }
    for (const [id, track] of tracks) {
        if (track[track.length - 1].at < at - GONE_MS) {
            tracks.delete(id);
        }
    }
}

const newest = (track: Seen[]) => track[track.length - 1].car;

export const all = () => [...tracks.values()].map(newest);

export function find(id: string): Racer | undefined {
    const track = tracks.get(id);
    return track && newest(track);
}

/** The short way round. */
function turn(from: number, to: number, share: number): number {
    const whole = 2 * Math.PI;
    const way = ((((to - from) % whole) + 1.5 * whole) % whole) - Math.PI;
    return from + way * share;
}

function between(a: Seen, b: Seen, at: number): Racer {
    const share = Math.min(1, Math.max(0, (at - a.at) / (b.at - a.at || 1)));
    return {
        ...b.car,
        x: a.car.x + (b.car.x - a.car.x) * share,
        y: a.car.y + (b.car.y - a.car.y) * share,
        angle: turn(a.car.angle, b.car.angle, share),
    };
}

/** All cars as they are to be shown now. */
export function at(now: number): Racer[] {
    const shown = now - ahead - DELAY_MS;
    return [...tracks.values()].map((track) => {
        const next = track.findIndex((seen) => seen.at >= shown);
        if (next === 0) {
            return track[0].car;
        }
        return next < 0 ? newest(track) : between(track[next - 1], track[next], shown);
    });
}

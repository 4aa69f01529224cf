// SPDX-License-Identifier: MIT
//
// The track and how a car moves on it.  Both sides run this: the page, so that one's own car obeys at
// once, and the server, to tell what no car can do.

export const WIDTH = 1600;
export const HEIGHT = 1000;
export const HALF_ROAD = 75;
export const MAX_SPEED = 520; // a second, on the road

const MAX_SPEED_GRASS = 140;
const ACCELERATION = 420;
const BRAKES = 700;
const FRICTION = 0.6; // of the speed, a second
const TURN = 2.9; // radians a second
const POINTS = 240;

export interface Point {
    x: number;
    y: number;
}

export interface Car extends Point {
    angle: number;
    speed: number;
}

/** From -1 to 1 each. */
export interface Input {
    gas: number;
    steer: number;
}

/** A car as the server tells it to all. */
export interface Racer extends Car {
    id: string;
    name: string;
    hue: number;
    laps: number;
    best: number; // ms of the best lap, 0 before there is one
}

/** The middle of the road, all the way round from the line. */
export const middle: Point[] = Array.from({ length: POINTS }, (_, i) => {
    const a = (2 * Math.PI * i) / POINTS;
    return {
        x: WIDTH / 2 + (590 + 60 * Math.cos(3 * a)) * Math.cos(a),
        y: HEIGHT / 2 + (330 + 70 * Math.cos(2 * a)) * Math.sin(a),
    };
});

/** Which way the road goes at a point of it. */
export function direction(index: number): number {
    const from = middle[index];
    const to = middle[(index + 1) % POINTS];
    return Math.atan2(to.y - from.y, to.x - from.x);
}

/** Where on the road a point is: the nearest of its middle, from 0 to 1, and how far off. */
export function place({ x, y }: Point): { along: number; off: number } {
    let nearest = 0;
    let least = Infinity;
    middle.forEach((point, i) => {
        const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (distance < least) {
            least = distance;
            nearest = i;
        }
    });
    return { along: nearest / POINTS, off: Math.sqrt(least) };
}

/** Behind the line, in one of three lanes. */
export function start(lane: number): Car {
    const { x, y } = middle[POINTS - 6];
    return { x: x + ((lane % 3) - 1) * 40, y, angle: direction(POINTS - 6), speed: 0 };
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** The car after `seconds` of driving like that. */
export function drive(car: Car, { gas, steer }: Input, seconds: number): Car {
    const limit = place(car).off <= HALF_ROAD ? MAX_SPEED : MAX_SPEED_GRASS;
    let speed = car.speed + (gas < 0 ? BRAKES : ACCELERATION) * gas * seconds;
    speed -= speed * FRICTION * seconds;
    if (speed > limit) {
        speed = Math.max(limit, car.speed - BRAKES * seconds);
    }
    speed = clamp(speed, -MAX_SPEED_GRASS, MAX_SPEED);
    const grip = clamp(speed / 120, -1, 1);
    const angle = car.angle + TURN * steer * grip * seconds;
    return {
        x: clamp(car.x + Math.cos(angle) * speed * seconds, 20, WIDTH - 20),
        y: clamp(car.y + Math.sin(angle) * speed * seconds, 20, HEIGHT - 20),
        angle,
        speed,
    };
}

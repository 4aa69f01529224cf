// SPDX-License-Identifier: MIT
//
// What the race's actions do: `node --test examples/racer/test`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startApp } from 'socketstream/test';

/** @type {import('socketstream/test').App} */
let app;
before(async () => { app = await startApp({ dir: fileURLToPath(new URL('..', import.meta.url)) }); });
after(() => app?.stop());

/** The first news of the cars for which this holds.
 *  @param {import('socketstream/test').Client} client @param {(cars: any[]) => any} holds */
async function carsWhere(client, holds) {
    for (;;) {
        const { cars } = await client.event('cars');
        if (holds(cars)) {
            return cars;
        }
    }
}

test('who joins sees all cars, each under its name', async () => {
    const [ann, bob] = [await app.client(), await app.client()];
    const car = await ann.call('race.join', ' ann ');
    assert.equal(car.name, 'ann');
    assert.equal(car.laps, 0);
    await bob.call('race.join', 'bob');
    const cars = await carsWhere(ann, (all) => all.some(({ name }) => name === 'bob'));
    assert.notEqual(cars.find(({ name }) => name === 'bob').id, car.id);
});

test('a move is seen by the others, and a jump is none', async () => {
    const [carl, dora] = [await app.client(), await app.client()];
    const { id, x, y } = await carl.call('race.join', 'carl');
    await dora.call('race.join', 'dora');
    const moved = { x: x + 0.5, y, angle: 1, speed: 2 };
    assert.equal(await carl.call('race.move', moved), true);
    const seen = await carsWhere(dora, (all) => all.some((car) => car.id === id && car.angle === 1));
    assert.equal(seen.find((car) => car.id === id).x, moved.x);
    assert.equal(await carl.call('race.move', { ...moved, x: x + 1e6 }), false);
});

test('names and moves are checked', async () => {
    const client = await app.client();
    for (const name of ['', ' ', 'x'.repeat(17), null]) {
        await assert.rejects(client.call('race.join', name), { code: -32602 }, JSON.stringify(name));
    }
    await assert.rejects(client.call('race.move', { x: 1, y: 2, angle: 'north', speed: 0 }), { code: -32602 });
    assert.equal(await client.call('race.move', { x: 1, y: 2, angle: 0, speed: 0 }), false);
});

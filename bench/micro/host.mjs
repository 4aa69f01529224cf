// SPDX-License-Identifier: MIT
//
// CPU microseconds that one call costs the JavaScript action host, apart from everything else:
//
//   node bench/micro/host.mjs [seconds]
//
// A fake sidecar keeps 100 × 16 calls of app.square in flight, as 100 clients would, and reads the
// host's CPU time before and after.  `asquare` is the same action as an async function, `whose`
// one that looks at its session.  Before that it starts hosts: from spawn to READY.

import fs from 'node:fs';
import { callPayload, op, startHost, writeApp } from '../../t/lib/fake_sidecar.mjs';
import { frame } from '../../t/lib/fake_worker.mjs';
import { median } from '../table.mjs';

const IN_FLIGHT = 1600;
const BATCH = 200; // calls that the sidecar writes at once
const STARTS = 10;
const seconds = Number(process.argv[2] ?? 3);

const app = {
    'app/server/app.js': `exports.actions = {
        square(n, cb) { cb(n * n); },
        async asquare(n) { return n * n; },
        whose(n, cb) { cb(this.session.user_id ? n : -n); },
    };`,
};

/** User and system time of a process, in microseconds.  @param {number} pid */
function cpuOf(pid) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10000;
}

/** @param {import('../../t/lib/fake_sidecar.mjs').FakeSidecar} host @param {string} action */
async function measure(host, action) {
    const facts = {
        id: '2f6c1a', transport: 'websocket', address: '203.0.113.7', socket: '5c3f-1a-3',
        session: { id: 'bXkgc2Vzc2lvbiBpcyB0aGlz', created_at: 1321000000000, user: 'ann', channels: ['room:7'] },
    };
    const one = frame(op.CALL, { slot: 1 }, callPayload(action, '[25]', facts));
    const batch = Buffer.concat(Array.from({ length: BATCH }, () => one));
    const { result } = await host.call(action, [25], facts);
    const size = 20 + JSON.stringify(result).length;
    let answers = 0;
    let owed = 0;
    let running = true;
    host.socket.removeAllListeners('data');
    host.socket.on('data', (data) => {
        const got = Math.round(data.length / size);
        answers += got;
        owed += got;
        while (running && owed >= BATCH) {
            owed -= BATCH;
            host.socket.write(batch);
        }
    });
    for (let i = 0; i < IN_FLIGHT / BATCH; i++) host.socket.write(batch);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // until it is compiled
    const before = { answers, cpu: cpuOf(/** @type {number} */ (host.child.pid)) };
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const calls = answers - before.answers;
    const cpu = cpuOf(/** @type {number} */ (host.child.pid)) - before.cpu;
    running = false;
    console.log(`${action.padEnd(12)} ${(cpu / calls).toFixed(2)} µs of CPU a call, ${Math.round(calls / seconds)} calls/s`);
}

async function measureStart() {
    /** @type {number[][]} */
    const times = [];
    for (let i = 0; i < STARTS; i++) {
        const from = performance.now();
        const host = await startHost(folder);
        times.push([performance.now() - from, cpuOf(/** @type {number} */ (host.child.pid)) / 1000]);
        await host.stop();
    }
    const [wall, cpu] = [0, 1].map((i) => median(times.map((time) => time[i])).toFixed(0));
    console.log(`${'start'.padEnd(12)} ${wall} ms from spawn to READY, ${cpu} ms of CPU (medians of ${STARTS})`);
}

const folder = writeApp(app);
await measureStart();
for (const action of ['app.square', 'app.asquare', 'app.whose']) {
    const host = await startHost(folder);
    await measure(host, action);
    host.child.kill('SIGKILL');
}
process.exit(0);

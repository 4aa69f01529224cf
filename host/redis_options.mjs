// SPDX-License-Identifier: MIT
//
// From SS.config.redis to the options of ioredis, by the sidecar's own rules: the Sentinels, else the
// first of url, socket and host.

const RETRY_MAX_MS = 1000;
const RETRIES = 3; // of a connection until the commands that wait for it fail
const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26379;

/** @param {string} text @param {number} port for one that names none */
function hostAndPort(text, port) {
    const [, bracketed, plain, number] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
    return { host: bracketed ?? plain ?? text, port: number ? Number(number) : port };
}

/** `redis://user:password@host:6379/0` or `unix://user:password@/run/redis.sock?db=0`
 *  @param {string} url */
function fromUrl(url) {
    const match = /^(redis|unix):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^?]*)(?:\?db=(\d+))?$/.exec(url);
    if (!match) {
        throw new Error(`redis.url must look like redis://host:6379/0 or unix:///run/redis.sock, but is '${url.replace(/:[^:@/]*@/, ':…@')}'`);
    }
    const [, scheme, user, password, rest, query] = match;
    const [address, path] = scheme === 'unix' ? ['', rest] : rest.split('/', 2);
    const db = scheme === 'unix' ? query : path;
    const place = scheme === 'unix' ? { path: decodeURIComponent(path) } : hostAndPort(address, DEFAULT_PORT);
    return {
        ...place,
        ...(user ? { username: decodeURIComponent(user) } : {}),
        ...(password ? { password: decodeURIComponent(password) } : {}),
        ...(db ? { db: Number(db) } : {}),
    };
}

/** @param {any} redis */
function placeOf(redis) {
    if (redis.sentinels?.length > 0) {
        return {
            sentinels: redis.sentinels.map((/** @type {string} */ text) => hostAndPort(text, DEFAULT_SENTINEL_PORT)),
            name: redis.sentinel_master ?? 'mymaster',
        };
    }
    if (redis.url) {
        return fromUrl(redis.url);
    }
    if (redis.socket) {
        return { path: redis.socket };
    }
    if (redis.host) {
        return { host: redis.host, port: redis.port ?? DEFAULT_PORT };
    }
    throw new Error('R needs a Redis: none is configured (redis.url, redis.socket, redis.host or redis.sentinels)');
}

/** @param {any} redis SS.config.redis @returns {import('ioredis').RedisOptions} */
export function redisOptions(redis = {}) {
    return {
        db: redis.db_index ?? 0,
        ...(redis.username ? { username: redis.username } : {}),
        ...(redis.password ? { password: redis.password } : {}),
        ...placeOf(redis),
        lazyConnect: true,
        connectTimeout: Math.ceil((redis.command_timeout ?? 1.5) * 1000),
        retryStrategy: (/** @type {number} */ times) => Math.min(times * 50, RETRY_MAX_MS),
        maxRetriesPerRequest: RETRIES,
        autoResendUnfulfilledCommands: false, // Redis may have run them: nothing is sent twice
        disableClientInfo: true,
    };
}

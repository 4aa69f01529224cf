/* SPDX-License-Identifier: MIT
 *
 * The keys of the configuration that SocketStream knows: X(path, type, min, max, default as JSON).
 * docs/CONFIGURATION.md lists the same rows, in this order, and a test compares the two.
 */
#ifndef SS_CONFIG_KEYS_H
#define SS_CONFIG_KEYS_H

#define SS_CONFIG_KEYS(X)                                                                          \
    X("http", T_OBJECT, 0, 0, "{}")                                                                \
    X("http.port", T_INTEGER, 1, 65535, "3000")                                                    \
    X("http.hostname", T_STRING, 0, 0, "\"0.0.0.0\"")                                              \
    X("log", T_OBJECT, 0, 0, "{}")                                                                 \
    X("log.level", T_INTEGER, 0, 5, "3")                                                           \
    X("client", T_OBJECT, 0, 0, "{}")                                                              \
    X("client.log", T_OBJECT, 0, 0, "{}")                                                          \
    X("client.log.level", T_INTEGER, 0, 5, "2")                                                    \
    X("client.heartbeat_interval", T_NUMBER, 0.1, 86400, "30")                                     \
    X("action_timeout", T_NUMBER, 0.1, 3600, "30")                                                 \
    X("hosts", T_INTEGER, 0, 64, "1")                                                              \
    X("host", T_OBJECT, 0, 0, "{}")                                                                \
    X("host.node", T_STRING, 0, 0, "\"node\"")                                                     \
    X("host.memory_limit", T_INTEGER, 16, 1048576, "512")                                          \
    X("host.commands", T_STRINGS, 0, 0, "[]")                                                      \
    X("session", T_OBJECT, 0, 0, "{}")                                                             \
    X("session.ttl", T_INTEGER, 1, 315360000, "2592000")                                           \
    X("users", T_OBJECT, 0, 0, "{}")                                                               \
    X("users.online", T_OBJECT, 0, 0, "{}")                                                        \
    X("users.online.enabled", T_BOOLEAN, 0, 0, "true")                                             \
    X("users.online.mins_until_offline", T_NUMBER, 0.01, 1440, "2")                                \
    X("users.online.update_interval", T_NUMBER, 0.1, 3600, "60")                                   \
    X("users.online.keep_historic", T_BOOLEAN, 0, 0, "false")                                      \
    X("redis", T_OBJECT, 0, 0, "{}")                                                               \
    X("redis.url", T_STRING, 0, 0, "\"\"")                                                         \
    X("redis.host", T_STRING, 0, 0, "\"\"")                                                        \
    X("redis.port", T_INTEGER, 1, 65535, "6379")                                                   \
    X("redis.socket", T_STRING, 0, 0, "\"\"")                                                      \
    X("redis.db_index", T_INTEGER, 0, 1000000, "0")                                                \
    X("redis.username", T_STRING, 0, 0, "\"\"")                                                    \
    X("redis.password", T_STRING, 0, 0, "\"\"")                                                    \
    X("redis.key_prefix", T_STRING, 0, 0, "\"ss\"")                                                \
    X("redis.sentinels", T_STRINGS, 0, 0, "[]")                                                    \
    X("redis.sentinel_master", T_STRING, 0, 0, "\"mymaster\"")                                     \
    X("redis.command_timeout", T_NUMBER, 0.1, 60, "1.5")                                           \
    X("redis.binary", T_STRING, 0, 0, "\"redis-server\"")                                          \
    X("pack_assets", T_BOOLEAN, 0, 0, "true")                                                      \
    X("pack", T_OBJECT, 0, 0, "{}")                                                                \
    X("pack.csp", T_STRING, 0, 0, "\"\"")                                                          \
    X("nginx", T_OBJECT, 0, 0, "{}")                                                               \
    X("nginx.binary", T_STRING, 0, 0, "\"nginx\"")                                                 \
    X("nginx.module", T_STRING, 0, 0, "\"\"")                                                      \
    X("nginx.workers", T_INTEGER, 0, 512, "0")                                                     \
    X("nginx.worker_connections", T_INTEGER, 0, 10000000, "0")                                     \
    X("nginx.max_message", T_INTEGER, 1024, 67108864, "1048576")                                   \
    X("nginx.max_queue", T_INTEGER, 4096, 1073741824, "1048576")                                   \
    X("nginx.max_inflight", T_INTEGER, 1, 65535, "1000")                                           \
    X("nginx.ping_interval", T_NUMBER, 0, 86400, "0")                                              \
    X("nginx.pong_timeout", T_NUMBER, 0.1, 86400, "10")                                            \
    X("nginx.link_timeout", T_NUMBER, 0.1, 3600, "2")                                              \
    X("nginx.drain_time", T_NUMBER, 0, 3600, "3")                                                  \
    X("nginx.origins", T_STRINGS, 0, 0, "[]")

#endif

/* SPDX-License-Identifier: MIT
 *
 * The keys of the configuration that SocketStream knows:
 * X(path, type, min, max, default as JSON, meaning in Markdown).
 * An object without a meaning only holds others.  T_OBJECT is closed: other keys in it are refused.
 * T_OPEN may hold keys of the application's, too.  scripts/config-docs writes the rows into
 * docs/CONFIGURATION.md, in this order, and a test tells when it is stale.
 */
#ifndef SS_CONFIG_KEYS_H
#define SS_CONFIG_KEYS_H

/* One key is one paragraph. */
/* clang-format off */
#define SS_CONFIG_KEYS(X) \
    X("ss_var", T_STRING, 0, 0, "\"SS\"", \
      "another name for `SS` on the server") \
    X("enable_color", T_BOOLEAN, 0, 0, "true", \
      "colours in the log, on a terminal; the variable `NO_COLOR` switches them off, too") \
    X("throw_errors", T_BOOLEAN, 0, 0, "false", \
      "callers of an action that throws get the stack with the message, for the browser's " \
      "console; the log has it anyway") \
    X("http", T_OBJECT, 0, 0, "{}", "") \
    X("http.port", T_INTEGER, 1, 65535, "3000", \
      "where nginx listens") \
    X("http.hostname", T_STRING, 0, 0, "\"0.0.0.0\"", \
      "and on which address; `\"127.0.0.1\"` keeps others out") \
    X("http.base", T_STRING, 0, 0, "\"/\"", \
      "the path below which the packed page finds its assets and its socket: `\"/shop/\"` where " \
      "several applications share a host") \
    X("https", T_OBJECT, 0, 0, "{}", "") \
    X("https.enabled", T_BOOLEAN, 0, 0, "false", \
      "HTTPS and `wss://`, see below") \
    X("https.port", T_INTEGER, 1, 65535, "443", \
      "where nginx listens for it; those below 1024 need privileges") \
    X("https.hostname", T_STRING, 0, 0, "\"0.0.0.0\"", \
      "and on which address") \
    X("https.domain", T_STRING, 0, 0, "\"\"", \
      "the name that users know the site by: `\"www.example.com\"`") \
    X("https.cert_name", T_STRING, 0, 0, "\"site\"", \
      "the certificate is `config/ssl_certs/<cert_name>.cert.pem`, its key `.key.pem`, those " \
      "between it and the root `.ca.pem`") \
    X("https.ensure_domain", T_BOOLEAN, 0, 0, "true", \
      "pages asked for by another name are redirected to `https.domain`, if that is set") \
    X("https.redirect_http", T_BOOLEAN, 0, 0, "true", \
      "`http.port` redirects all but the HTTP API to HTTPS") \
    X("https.hsts", T_INTEGER, 0, 315360000, "15552000", \
      "seconds for which browsers keep to HTTPS by themselves (HSTS), 180 days; 0 tells them " \
      "nothing, and a self-signed certificate neither") \
    X("https.http2", T_BOOLEAN, 0, 0, "true", \
      "HTTP/2 for those that speak it") \
    X("api", T_OBJECT, 0, 0, "{}", "") \
    X("api.enabled", T_BOOLEAN, 0, 0, "true", \
      "the [HTTP API](HTTP_API.md): actions as `/api/module/action`") \
    X("api.prefix", T_STRING, 0, 0, "\"api\"", \
      "the path below which it is: letters, digits, `-`, `_`, and `/` between them") \
    X("api.https_only", T_BOOLEAN, 0, 0, "false", \
      "refuse requests that did not come by HTTPS, with 403") \
    X("api.auth", T_OBJECT, 0, 0, "{}", "") \
    X("api.auth.basic", T_OBJECT, 0, 0, "{}", "") \
    X("api.auth.basic.module_name", T_STRING, 0, 0, "\"\"", \
      "the authentication module that is asked about names and passwords; empty is no Basic " \
      "Auth") \
    X("api.auth.basic.realm", T_STRING, 0, 0, "\"Secure API\"", \
      "what browsers say when they ask for them") \
    X("api.auth.basic.allow_http", T_BOOLEAN, 0, 0, "false", \
      "take passwords without HTTPS too, where anybody on the way can read them") \
    X("api.post_max_size_kb", T_INTEGER, 1, 65408, "8192", \
      "KiB of a request's body; more is 413") \
    X("browser_check", T_OBJECT, 0, 0, "{}", "") \
    X("browser_check.enabled", T_BOOLEAN, 0, 0, "true", \
      "pages are not for browsers that cannot run them, see [below](#browsers)") \
    X("browser_check.strict", T_BOOLEAN, 0, 0, "false", \
      "nor for what is not known to be a browser") \
    X("browser_check.rules", T_RULES, 0, 0, "[]", \
      "`[{\"refuse\": \"pattern\"}, {\"allow\": \"pattern\"}, …]`: patterns (PCRE2) of User-Agents, " \
      "asked before the built-in ones; the first that matches counts") \
    X("limiter", T_OBJECT, 0, 0, "{}", "") \
    X("limiter.enabled", T_BOOLEAN, 0, 0, "false", \
      "limit how fast clients call, see [below](#limiter)") \
    X("limiter.websockets", T_OBJECT, 0, 0, "{}", "") \
    X("limiter.websockets.rps", T_INTEGER, 1, 100000, "15", \
      "calls a second of a connection, a session and a user; four times as many of an address") \
    X("limiter.websockets.burst", T_INTEGER, 1, 100000, "30", \
      "calls that may come at once") \
    X("log", T_OBJECT, 0, 0, "{}", "") \
    X("log.level", T_INTEGER, 0, 4, "3", \
      "how much the sidecar tells: 0 what is broken, 1 calls, 2 their params, 3 their " \
      "results, events and who comes and goes, 4 everything") \
    X("log.format", T_STRING, 0, 0, "\"auto\"", \
      "`\"pretty\"` lines for people, `\"json\"` ones for programs; `\"auto\"` is pretty on a " \
      "terminal and JSON elsewhere, and under `start` in production") \
    X("client", T_OPEN, 0, 0, "{}", \
      "`SS.config` of browsers") \
    X("client.log", T_OBJECT, 0, 0, "{}", "") \
    X("client.log.level", T_INTEGER, 0, 5, "2", \
      "for the browser's console") \
    X("client.heartbeat_interval", T_NUMBER, 0.1, 86400, "30", \
      "seconds of silence until nginx pings a client, unless `nginx.ping_interval` says " \
      "otherwise; browsers send no heartbeats of their own") \
    X("client.remote_prefix", T_STRING, 0, 0, "\"\"", \
      "goes before the name of every action that browsers call") \
    X("action_timeout", T_NUMBER, 0.1, 3600, "30", \
      "seconds until a call without an answer gets error −32004") \
    X("hosts", T_INTEGER, 0, 64, "1", \
      "processes that run the application's JavaScript, at most 64; none are started " \
      "without any") \
    X("host", T_OBJECT, 0, 0, "{}", "") \
    X("host.node", T_STRING, 0, 0, "\"node\"", \
      "the Node that runs it: a path, or a name to look for in `PATH`") \
    X("host.memory_limit", T_INTEGER, 16, 1048576, "512", \
      "MiB that one process may use; at 64 more it is replaced") \
    X("host.commands", T_STRINGS, 0, 0, "[]", \
      "command lines of more [action hosts](ACTION_HOSTS.md), run in the application's " \
      "folder, without a shell") \
    X("session", T_OBJECT, 0, 0, "{}", "") \
    X("session.ttl", T_INTEGER, 1, 315360000, "2592000", \
      "seconds that a session is kept after it was last used: 30 days") \
    X("session.cookie", T_STRING, 0, 0, "\"ss_session\"", \
      "name of the session's cookie, over HTTPS behind `__Host-`: another for each application " \
      "on one host") \
    X("users", T_OPEN, 0, 0, "{}", "") \
    X("users.online", T_OBJECT, 0, 0, "{}", "") \
    X("users.online.enabled", T_BOOLEAN, 0, 0, "true", \
      "keep the list of users who are online") \
    X("users.online.mins_until_offline", T_NUMBER, 0.01, 1440, "2", \
      "minutes until a user whose last connection was lost counts as offline") \
    X("users.online.update_interval", T_NUMBER, 0.1, 3600, "60", \
      "seconds between two renewals of that list by each node") \
    X("users.online.keep_historic", T_BOOLEAN, 0, 0, "false", \
      "keep the users of each minute, and of each session that ends; see [Statistics](#statistics)") \
    X("redis", T_OBJECT, 0, 0, "{}", "") \
    X("redis.url", T_STRING, 0, 0, "\"\"", \
      "`redis://user:password@host:6379/0` or `unix:///run/redis.sock?db=0`; see [Redis](#redis)") \
    X("redis.host", T_STRING, 0, 0, "\"\"", \
      "without a URL: name or address") \
    X("redis.port", T_INTEGER, 1, 65535, "6379", \
      "and port") \
    X("redis.socket", T_STRING, 0, 0, "\"\"", \
      "or the path of a Unix socket") \
    X("redis.db_index", T_INTEGER, 0, 1000000, "0", \
      "number of the database, unless the URL names one") \
    X("redis.username", T_STRING, 0, 0, "\"\"", \
      "user of Redis' access lists, unless the URL names one") \
    X("redis.password", T_STRING, 0, 0, "\"\"", \
      "unless the URL has one; `SS__redis__password` keeps it out of files") \
    X("redis.key_prefix", T_STRING, 0, 0, "\"ss\"", \
      "all keys and channels begin with it and a colon") \
    X("redis.sentinels", T_STRINGS, 0, 0, "[]", \
      "`[\"10.0.0.1:26379\", …]`: they are asked for the master, instead of a URL or host") \
    X("redis.sentinel_master", T_STRING, 0, 0, "\"mymaster\"", \
      "the name they know it by") \
    X("redis.command_timeout", T_NUMBER, 0.1, 60, "1.5", \
      "seconds until a command without an answer has failed, and an attempt to connect") \
    X("redis.binary", T_STRING, 0, 0, "\"redis-server\"", \
      "of the private Redis: a path, or a name to look for in `PATH` and the `sbin` folders") \
    X("redis.options", T_OPEN, 0, 0, "{}", \
      "of the Redis client that 0.1.4 used: taken, and without effect") \
    X("redis_pubsub", T_OBJECT, 0, 0, "{}", "") \
    X("redis_pubsub.url", T_STRING, 0, 0, "\"\"", \
      "another Redis, for events alone, see [Redis](#redis); this key and those below as in `redis`") \
    X("redis_pubsub.host", T_STRING, 0, 0, "\"\"", \
      "without a URL: name or address") \
    X("redis_pubsub.port", T_INTEGER, 1, 65535, "6379", \
      "and port") \
    X("redis_pubsub.socket", T_STRING, 0, 0, "\"\"", \
      "or the path of a Unix socket") \
    X("redis_pubsub.username", T_STRING, 0, 0, "\"\"", \
      "user of its access lists, unless the URL names one") \
    X("redis_pubsub.password", T_STRING, 0, 0, "\"\"", \
      "unless the URL has one") \
    X("redis_pubsub.sentinels", T_STRINGS, 0, 0, "[]", \
      "asked for the master, instead of a URL or host") \
    X("redis_pubsub.sentinel_master", T_STRING, 0, 0, "\"mymaster\"", \
      "the name they know it by") \
    X("redis_pubsub.command_timeout", T_NUMBER, 0.1, 60, "1.5", \
      "seconds until a command without an answer has failed, and an attempt to connect") \
    X("pack_assets", T_BOOLEAN, 0, 0, "true", \
      "what browsers get must have been packed by `socketstream pack`; with `false` " \
      "`socketstream start` packs, and again as files change") \
    X("pack", T_OBJECT, 0, 0, "{}", "") \
    X("pack.csp", T_STRING, 0, 0, "\"\"", \
      "a Content-Security-Policy for the packed page, see [ASSETS.md](ASSETS.md)") \
    X("nginx", T_OBJECT, 0, 0, "{}", "") \
    X("nginx.binary", T_STRING, 0, 0, "\"nginx\"", \
      "a path, or a name to look for in `PATH` and the `sbin` folders") \
    X("nginx.module", T_STRING, 0, 0, "\"\"", \
      "path of the module; found beside the command, or where nginx keeps its modules, when " \
      "empty") \
    X("nginx.workers", T_INTEGER, 0, 512, "0", \
      "worker processes; 0 is one for each core") \
    X("nginx.worker_connections", T_INTEGER, 0, 10000000, "0", \
      "clients of each worker; 0 is as many as the open-files limit allows, 16,384 at most") \
    X("nginx.max_message", T_INTEGER, 1024, 67108864, "1048576", \
      "bytes of one message of a client") \
    X("nginx.max_queue", T_INTEGER, 4096, 1073741824, "1048576", \
      "bytes that may wait for one client before it is disconnected (1013)") \
    X("nginx.max_inflight", T_INTEGER, 1, 65535, "1000", \
      "calls of one client without an answer yet") \
    X("nginx.ping_interval", T_NUMBER, 0, 86400, "0", \
      "seconds of silence until a client is pinged; 0 is `client.heartbeat_interval`") \
    X("nginx.pong_timeout", T_NUMBER, 0.1, 86400, "10", \
      "seconds until one that does not answer is disconnected") \
    X("nginx.link_timeout", T_NUMBER, 0.1, 3600, "2", \
      "seconds that a handshake waits for a sidecar") \
    X("nginx.drain_time", T_NUMBER, 0, 3600, "3", \
      "seconds over which clients are sent away at a reload or end") \
    X("nginx.origins", T_STRINGS, 0, 0, "[]", \
      "pages that may connect besides those of the same host: `[\"https://example.com\"]`, " \
      "or `[\"any\"]`")
/* clang-format on */

#endif

/* SPDX-License-Identifier: MIT
 *
 * See redis_options.h.
 *
 *     redis://[[user]:password@]host[:port][/db]     redis://password@… is a user without one
 *     unix://[[user]:password@]/path[?db=N]
 *
 * Bytes that mean something in a URL are written as %XX in user, password and path.
 */
#include "redis_options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "redis.h"

#define DB_MAX 1000000

/* What is said follows the name of the object: ".url: must …". */
static bool fail(ss_buf_t *error, const char *what) {
    ss_buf_printf(error, "%s", what);
    return false;
}

static const char *text_of(const json_t *config, const char *name) {
    const char *text = json_string_value(json_object_get(config, name));
    return text == NULL ? "" : text;
}

static int hex(int c) { return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1; }

/* A copy with %XX resolved; NULL when there is a % without digits, or a NUL. */
static char *decode(const char *text, size_t len) {
    char *out = ss_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 1 < len ? hex((unsigned char)text[i + 1]) : -1;
            int low = i + 2 < len ? hex((unsigned char)text[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high << 4 | low;
            i += 2;
        }
        if (c == 0) {
            free(out);
            return NULL;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return out;
}

/* All of `text` as a number; false when it is none, or out of bounds. */
static bool number(const char *text, size_t len, int min, int max, int *out) {
    int value = 0;
    if (len == 0 || len > 7) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

static void set(char **field, char *value) {
    free(*field);
    *field = value;
}

static bool set_socket(ss_redis_place_t *place, char *path, ss_buf_t *error) {
    set(&place->socket, path);
    if (path == NULL || path[0] != '/' ||
        strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return fail(error, ": the path of a Unix socket must begin with / and have at most "
                           "107 bytes");
    }
    return true;
}

/* host, host:port or [v6]:port. */
static bool parse_host(ss_redis_place_t *place, const char *text, size_t len) {
    const char *host = text;
    const char *colon = memrchr(text, ':', len);
    size_t host_len = colon == NULL ? len : (size_t)(colon - text);
    if (len != 0 && text[0] == '[') {
        const char *end = memchr(text, ']', len);
        if (end == NULL) {
            return false;
        }
        host = text + 1;
        host_len = (size_t)(end - host);
        colon = end + 1 == text + len ? NULL : end + 1;
    }
    if (host_len == 0 || (colon != NULL && *colon != ':')) {
        return false;
    }
    set(&place->host, ss_copy(host, host_len));
    return strlen(place->host) == host_len &&
           (colon == NULL ||
            number(colon + 1, (size_t)(text + len - colon - 1), 1, 65535, &place->port));
}

/* user:password, :password, or user. */
static bool parse_user(ss_redis_options_t *o, const char *text, size_t len) {
    const char *colon = memchr(text, ':', len);
    size_t user_len = colon == NULL ? len : (size_t)(colon - text);
    set(&o->username, user_len == 0 ? NULL : decode(text, user_len));
    if (user_len != 0 && o->username == NULL) {
        return false;
    }
    if (colon != NULL) {
        set(&o->password, decode(colon + 1, len - user_len - 1));
        return o->password != NULL;
    }
    return true;
}

static bool parse_unix(ss_redis_options_t *o, const char *rest, ss_buf_t *error) {
    const char *question = strchr(rest, '?');
    size_t len = question == NULL ? strlen(rest) : (size_t)(question - rest);
    if (question != NULL && (strncmp(question, "?db=", 4) != 0 ||
                             !number(question + 4, strlen(question + 4), 0, DB_MAX, &o->db))) {
        return fail(error, ".url: after ? there may only be db=N");
    }
    return set_socket(&o->place, decode(rest, len), error);
}

static bool parse_tcp(ss_redis_options_t *o, const char *rest, ss_buf_t *error) {
    size_t len = strcspn(rest, "/?");
    const char *db = rest + len;
    if (*db == '/' && db[1] != '\0' && !number(db + 1, strlen(db + 1), 0, DB_MAX, &o->db)) {
        return fail(error, ".url: after the host there may only be the number of a database");
    }
    if (*db == '?' || !parse_host(&o->place, rest, len)) {
        return fail(error, ".url: must be like redis://user:password@host:6379/0");
    }
    return true;
}

static bool parse_url(ss_redis_options_t *o, const char *url, ss_buf_t *error) {
    bool is_unix = strncmp(url, "unix://", 7) == 0;
    const char *rest = strstr(url, "://");
    if (strncmp(url, "rediss://", 9) == 0) {
        return fail(error, ".url: rediss:// needs TLS, which the hiredis that this program "
                           "was built with does not have: use redis:// on a trusted network, "
                           "unix://, or a tunnel such as stunnel");
    }
    if (!is_unix && strncmp(url, "redis://", 8) != 0) {
        return fail(error, ".url: must begin with redis:// or unix://");
    }
    rest += 3;
    size_t authority = is_unix ? strlen(rest) : strcspn(rest, "/?");
    const char *at = is_unix && *rest == '/' ? NULL : memrchr(rest, '@', authority);
    if (at != NULL) {
        if (!parse_user(o, rest, (size_t)(at - rest))) {
            return fail(error, ".url: the user or the password has a % without two hex "
                               "digits behind it");
        }
        rest = at + 1;
    }
    return is_unix ? parse_unix(o, rest, error) : parse_tcp(o, rest, error);
}

static bool read_sentinels(ss_redis_options_t *o, const json_t *config, ss_buf_t *error) {
    const json_t *list = json_object_get(config, "sentinels");
    const char *master = text_of(config, "sentinel_master");
    size_t i;
    json_t *item;
    if (json_array_size(list) > SS_REDIS_SENTINELS_MAX) {
        return fail(error, ".sentinels: too many");
    }
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        ss_redis_place_t *place = &o->sentinels[o->n_sentinels++];
        place->port = SS_REDIS_SENTINEL_PORT;
        if (text == NULL || !parse_host(place, text, strlen(text))) {
            return fail(error, ".sentinels: must be a list like [\"10.0.0.1:26379\"]");
        }
    }
    set(&o->master, strdup(master[0] == '\0' ? "mymaster" : master));
    return true;
}

/* The names of keys must not depend on a stray colon, nor become patterns. */
static bool set_prefix(ss_redis_options_t *o, const char *prefix, ss_buf_t *error) {
    size_t len = strlen(prefix);
    if (len == 0) {
        prefix = "ss";
        len = 2;
    }
    if (len > 64 || strcspn(prefix, " *?[]\\{}\r\n") != len || prefix[len - 1] == ':') {
        return fail(error, ".key_prefix: must have at most 64 bytes, none of them a space or "
                           "one of *?[]\\{}, and no colon at its end");
    }
    o->prefix = ss_alloc(len + 2);
    memcpy(o->prefix, prefix, len);
    memcpy(o->prefix + len, ":", 2);
    return true;
}

static char *given(const json_t *config, const char *name) {
    const char *text = text_of(config, name);
    return text[0] == '\0' ? NULL : ss_copy(text, strlen(text));
}

static bool read_options(ss_redis_options_t *o, const json_t *config, ss_buf_t *error) {
    const json_t *port = json_object_get(config, "port");
    const json_t *timeout = json_object_get(config, "command_timeout");
    *o = (ss_redis_options_t){0};
    o->place.port = json_is_integer(port) ? (int)json_integer_value(port) : SS_REDIS_PORT;
    o->db = (int)json_integer_value(json_object_get(config, "db_index"));
    o->username = given(config, "username");
    o->password = given(config, "password");
    o->timeout_ms = json_is_number(timeout) ? (uint32_t)(1000 * json_number_value(timeout)) : 2000;
    if (!set_prefix(o, text_of(config, "key_prefix"), error) || !read_sentinels(o, config, error)) {
        return false;
    }
    if (text_of(config, "url")[0] != '\0') {
        return parse_url(o, text_of(config, "url"), error);
    }
    if (text_of(config, "socket")[0] != '\0') {
        return set_socket(&o->place, given(config, "socket"), error);
    }
    o->place.host = given(config, "host");
    return o->place.host != NULL || o->n_sentinels != 0 || fail(error, ": no Redis is configured");
}

bool ss_redis_options_init(ss_redis_options_t *o, const char *name, const json_t *config,
                           ss_buf_t *error) {
    ss_buf_t what = {0};
    bool ok = read_options(o, config, &what);
    if (!ok) {
        ss_buf_printf(error, "%s%s", name, ss_buf_string(&what));
    }
    ss_buf_free(&what);
    return ok;
}

bool ss_redis_is_configured(const json_t *config) {
    return text_of(config, "url")[0] != '\0' || text_of(config, "host")[0] != '\0' ||
           text_of(config, "socket")[0] != '\0' ||
           json_array_size(json_object_get(config, "sentinels")) != 0;
}

static void place_finish(ss_redis_place_t *place) {
    free(place->socket);
    free(place->host);
}

void ss_redis_options_finish(ss_redis_options_t *o) {
    place_finish(&o->place);
    for (unsigned i = 0; i < o->n_sentinels; i++) {
        place_finish(&o->sentinels[i]);
    }
    free(o->username);
    if (o->password != NULL) {
        explicit_bzero(o->password, strlen(o->password));
    }
    free(o->password);
    free(o->prefix);
    free(o->master);
    *o = (ss_redis_options_t){0};
}

void ss_redis_place_print(const ss_redis_place_t *place, char *out, size_t size) {
    if (place->socket != NULL) {
        snprintf(out, size, "%s", place->socket);
    } else if (strchr(place->host, ':') != NULL) {
        snprintf(out, size, "[%s]:%d", place->host, place->port);
    } else {
        snprintf(out, size, "%s:%d", place->host, place->port);
    }
}

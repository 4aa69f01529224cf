/* SPDX-License-Identifier: MIT
 *
 * What can be wrong before anything is started: see start.h.
 */
#include "start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cookie.h"
#include "port_owner.h"
#include "programs.h"

#define complain ss_start_complain

static bool find_exe(ss_start_t *start) {
    size_t size = sizeof(start->exe);

    return uv_exepath(start->exe, &size) == 0 ||
           complain("cannot find out where this program is: is /proc mounted?");
}

static bool find_program(const ss_start_t *start, const ss_program_t *program, char *out) {
    ss_buf_t error = {0};
    bool found = ss_program_find(program, start->config, out, &error) ||
                 complain("%s", ss_buf_string(&error));

    ss_buf_free(&error);
    return found;
}

static bool find_module(ss_start_t *start) {
    ss_buf_t error = {0};
    bool found = ss_program_find_module(start->config, start->module, &error) ||
                 complain("%s", ss_buf_string(&error));

    ss_buf_free(&error);
    return found;
}

/* Whether it may be listed, and what is in it reached. */
static bool may_enter(const ss_start_t *start, const char *folder) {
    return access(folder, R_OK | X_OK) == 0 || errno == ENOENT ||
           complain("%s/%s: %s: give yourself access to it", start->app, folder, strerror(errno));
}

/* In one line. */
static void complain_joined(ss_buf_t *error) {
    char *rest = (char *)ss_buf_string(error);
    const char *first = strsep(&rest, "\n");

    complain("%s%s%s", first, rest == NULL ? "" : ": ", rest == NULL ? "" : rest);
}

bool ss_start_check_app(ss_start_t *start) {
    ss_buf_t error = {0};
    bool ok;

    if (!may_enter(start, "app") || !may_enter(start, "app/server")) {
        return false;
    }
    ok = ss_module_count(start->app, &start->files, &error);
    if (!ok) {
        complain_joined(&error);
    }
    ss_buf_free(&error);
    return ok;
}

/* The packer, or the application's own JavaScript. */
static bool needs_node(const ss_start_t *start) {
    return start->packs || start->middleware ||
           (start->files.scripts != 0 && ss_config_integer(start->config, "hosts") != 0);
}

/* It becomes part of addresses and of a regular expression: packer/base.mjs has the same rule. */
static bool check_base(const ss_start_t *start) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/";
    const char *base = ss_config_string(start->config, "http.base");
    size_t len = strlen(base);

    return (len != 0 && base[0] == '/' && base[len - 1] == '/' && strspn(base, allowed) == len &&
            strstr(base, "//") == NULL && strstr(base, "/./") == NULL &&
            strstr(base, "/../") == NULL) ||
           complain("http.base: \"%.100s\" is no path: it begins and ends with a slash, and has "
                    "letters, digits and -._~ between them, as \"/shop/\"",
                    base);
}

static bool check_cookie(const ss_start_t *start) {
    const char *name = ss_config_string(start->config, "session.cookie");

    return ss_cookie_set_name(name) || complain(SS_COOKIE_NAME_REFUSED, name, SS_COOKIE_NAME_MAX);
}

/* The beginning of what the module takes, so that the key is named and not a line that we wrote. */
static bool check_origins(const ss_start_t *start) {
    const json_t *origins = ss_config_get(start->config, "nginx.origins");
    size_t i;
    json_t *origin;

    json_array_foreach(origins, i, origin) {
        const char *text = json_string_value(origin);

        if (strcmp(text, "any") != 0 && strcmp(text, "same") != 0 && strstr(text, "://") == NULL) {
            return complain("nginx.origins: \"%.100s\" is none: it must be \"any\", \"same\" or "
                            "like \"https://example.com\"",
                            text);
        }
    }
    return true;
}

bool ss_start_find(ss_start_t *start) {
    return check_base(start) && check_cookie(start) && check_origins(start) && find_exe(start) &&
           find_program(start, &ss_program_nginx, start->nginx_binary) &&
           (!start->private_redis || find_program(start, &ss_program_redis, start->redis_binary)) &&
           (!needs_node(start) || find_program(start, &ss_program_node, start->node_binary)) &&
           find_module(start);
}

/* For what comes while it runs. */
bool ss_start_find_node(ss_start_t *start) {
    return find_program(start, &ss_program_node, start->node_binary) && ss_start_check_node(start);
}

static bool complain_taken(int port, const char *how) {
    ss_port_owner_t owner;

    if (ss_port_owner(port, &owner)) {
        return complain("port %d is in use: %s (process %d) listens there: end it, or choose "
                        "another with %s",
                        port, owner.name, (int)owner.pid, how);
    }
    return complain("port %d is in use: end what listens there, or choose another with %s", port,
                    how);
}

static bool complain_address(const char *key, const char *host) {
    return complain(
        "%s.hostname: \"%s\" is no address of this machine: take \"0.0.0.0\" for all of "
        "them, or \"127.0.0.1\" to keep others out",
        key, host);
}

/* Asked before nginx is, since nginx would try for seconds and then say it five times. */
static bool check_port(const ss_start_t *start, const char *key, const char *host, int port,
                       ss_probe_addr_t *addr) {
    int reason;

    if (!ss_probe_resolve(addr, host, port)) {
        return complain_address(key, host);
    }
    reason = ss_probe_free(addr);
    switch (reason) {
    case 0:
        return true;
    case EADDRINUSE:
        return complain_taken(port, strcmp(key, "http") == 0 ? "--port" : "https.port");
    case EACCES:
        return ss_program_has_rights(start->nginx_binary) ||
               complain("port %d needs privileges: choose one above 1023 with %s; or let nginx "
                        "have it: setcap cap_net_bind_service=+ep %s, or sysctl "
                        "net.ipv4.ip_unprivileged_port_start=%d",
                        port, strcmp(key, "http") == 0 ? "--port" : "https.port",
                        start->nginx_binary, port);
    case EADDRNOTAVAIL:
        return complain_address(key, host);
    default:
        return complain("cannot listen on %s port %d: %s", host, port, strerror(reason));
    }
}

/* Of ourselves: that would be told as a port in use, and by whom? */
static bool ports_differ(const ss_start_t *start) {
    int first = (int)ss_config_integer(start->config, "http.port");
    int last = start->n_nodes == 1 ? first : first + (int)start->n_nodes;
    int port = (int)ss_config_integer(start->config, "https.port");

    if (!ss_config_boolean(start->config, "https.enabled") || port < first || port > last) {
        return true;
    }
    return complain("https.port must be another than %s, which is %d too",
                    port == first ? "http.port" : "that of a node", port);
}

static bool check_https_port(const ss_start_t *start) {
    ss_probe_addr_t addr;

    return !ss_config_boolean(start->config, "https.enabled") ||
           check_port(start, "https", ss_config_string(start->config, "https.hostname"),
                      (int)ss_config_integer(start->config, "https.port"), &addr);
}

static bool check_http_ports(ss_start_t *start) {
    const char *host = ss_config_string(start->config, "http.hostname");
    int port = (int)ss_config_integer(start->config, "http.port");
    ss_probe_addr_t addr;
    bool ok = check_port(start, "http", host, port, &start->front);

    ss_probe_reachable(&start->front);
    if (start->n_nodes == 1) {
        start->nodes[0].port = port;
        return ok;
    }
    if (port + (int)start->n_nodes > 65535) {
        return complain("--port %d leaves no numbers for %u nodes", port, start->n_nodes);
    }
    for (unsigned i = 0; i < start->n_nodes; i++) {
        start->nodes[i].port = port + 1 + (int)i;
        ok = ok && check_port(start, "http", "127.0.0.1", start->nodes[i].port, &addr);
    }
    return ok;
}

bool ss_start_check_ports(ss_start_t *start) {
    return ports_differ(start) && check_http_ports(start) && check_https_port(start);
}

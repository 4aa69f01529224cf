/* SPDX-License-Identifier: MIT
 *
 * What `socketstream start` says once all answers: see start.h.
 *
 * The first line says what runs, the last one, `ready:`, where, and scripts wait for that one.  In
 * between each line has a name, and what is not known has none.
 */
#include "start.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/socketstream.h"
#include "log.h"

#define INTERFACES_MAX 8 /* shown */

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static const char *color(const ss_start_t *start, const char *sequence) {
    return start->paints ? sequence : "";
}

/* The name of a line, in a column that ends with its colon. */
static void begin(const ss_start_t *start, const char *name) {
    printf("%s%5s:%s ", color(start, DIM), name, color(start, PLAIN));
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

/* --- processes ------------------------------------------------------------------------------- */

static void say_node(const ss_start_node_t *node) {
    printf("nginx %d, sidecar %d", (int)ss_child_pid(node->nginx),
           (int)ss_child_pid(node->sidecar));
}

static void say_processes(const ss_start_t *start) {
    printf("%sSocketStream %s%s, %s, process %d (", color(start, BOLD), SS_VERSION,
           color(start, PLAIN), ss_config_env(start->config), (int)getpid());
    if (start->balancer != NULL) {
        printf("balancer %d", (int)ss_child_pid(start->balancer));
    } else {
        say_node(&start->nodes[0]);
    }
    if (start->redis != NULL) {
        printf(", redis %d", (int)ss_child_pid(start->redis));
    }
    if (start->packer != NULL) {
        printf(", packer %d", (int)ss_child_pid(start->packer));
    }
    printf("), started in %llu ms\n",
           (unsigned long long)(uv_hrtime() - start->started_ns) / 1000000);
}

/* --- counts ---------------------------------------------------------------------------------- */

/* What the first sidecar wrote once it listened; -1 when it could not. */
static json_int_t actions(const ss_start_t *start) {
    json_t *state = json_load_file(start->dir.nodes[0].sidecar_state, 0, NULL);
    const json_t *count = json_object_get(state, "actions");
    json_int_t n = json_is_integer(count) ? json_integer_value(count) : -1;

    json_decref(state);
    return n;
}

static void say_calls(const ss_start_t *start) {
    const ss_module_files_t *files = &start->files;
    json_int_t n = actions(start);
    size_t hosts = files->scripts == 0 ? 0 : (size_t)ss_config_integer(start->config, "hosts");

    hosts += json_array_size(ss_config_get(start->config, "host.commands"));
    if (n < 0) {
        return;
    }
    begin(start, "calls");
    printf("%lld action%s", (long long)n, plural((size_t)n));
    if (files->c != 0) {
        printf(", %zu C module%s", files->c, plural(files->c));
    }
    if (files->scripts != 0) {
        printf(", %zu JavaScript file%s", files->scripts, plural(files->scripts));
    }
    if (hosts != 0) {
        printf(", %zu host%s%s", hosts, plural(hosts), start->n_nodes > 1 ? " a node" : "");
    }
    putchar('\n');
}

static void say_files(const ss_start_t *start) {
    char name[sizeof(start->public_dir) + 32];
    json_t *manifest;
    size_t n;

    snprintf(name, sizeof(name), "%s/assets/manifest.json", start->public_dir);
    manifest = json_load_file(name, 0, NULL);
    n = json_object_size(json_object_get(manifest, "files"));
    if (n != 0) {
        begin(start, "files");
        printf("%zu packed for browsers\n", n);
    }
    json_decref(manifest);
}

static void say_workers(const ss_start_t *start) {
    int64_t configured = ss_config_integer(start->config, "nginx.workers");
    long workers = configured != 0 ? (long)configured : sysconf(_SC_NPROCESSORS_ONLN);

    begin(start, "nginx");
    printf("%ld worker%s%s, %u connections each\n", workers, plural((size_t)workers),
           start->n_nodes > 1 ? " a node" : "", start->connections);
}

/* --- addresses ------------------------------------------------------------------------------- */

/* As it stands in a URL. */
static void host_text(const struct sockaddr *addr, char *out, size_t size) {
    char text[INET6_ADDRSTRLEN];

    if (addr->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, text, sizeof(text));
        snprintf(out, size, "[%s]", text);
    } else {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, text, sizeof(text));
        snprintf(out, size, "%s", text);
    }
}

static bool is_reachable(const struct ifaddrs *one, int family) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)one->ifa_addr;

    return one->ifa_addr != NULL && one->ifa_addr->sa_family == family &&
           (one->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
           (family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
}

/* At `host`, or NULL for where users open it. */
static void say_url(const ss_start_t *start, const char *name, const char *host, const char *path) {
    char url[SS_START_URL_MAX];

    ss_start_url(start, host, url);
    begin(start, name);
    printf("%s%s\n", url, path);
}

/* Where others find what listens on all interfaces of this machine. */
static void say_interfaces(const ss_start_t *start, int family) {
    struct ifaddrs *all;
    char host[INET6_ADDRSTRLEN + 2];
    int shown = 0;

    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *one = all; one != NULL && shown < INTERFACES_MAX;
         one = one->ifa_next) {
        if (is_reachable(one, family)) {
            host_text(one->ifa_addr, host, sizeof(host));
            say_url(start, "pages", host, "");
            shown++;
        }
    }
    freeifaddrs(all);
}

static void say_urls(const ss_start_t *start) {
    bool https = ss_config_boolean(start->config, "https.enabled");
    const char *listens =
        ss_config_string(start->config, https ? "https.hostname" : "http.hostname");
    char path[SS_START_URL_MAX];

    say_url(start, "pages", NULL, "");
    if (strcmp(listens, "0.0.0.0") == 0) {
        say_interfaces(start, AF_INET);
    } else if (strcmp(listens, "::") == 0) {
        say_interfaces(start, AF_INET6);
    }
    if (ss_config_boolean(start->config, "api.enabled")) {
        snprintf(path, sizeof(path), "%s/", ss_config_string(start->config, "api.prefix"));
        say_url(start, "api", NULL, path);
    }
    say_url(start, "state", NULL, "socketstream/status");
}

/* Which certificate is in use. */
static void say_https(const ss_start_t *start) {
    const ss_cert_info_t *info;
    char date[SS_CERT_DATE_MAX];

    if (!ss_config_boolean(start->config, "https.enabled")) {
        return;
    }
    info = ss_cert_info(start->https.cert);
    ss_cert_date(date, info->not_after);
    begin(start, "https");
    printf("%s for %.*s, until %s%s\n", start->https.cert_file, (int)info->names.len,
           info->names.data, date,
           start->https.trusted ? "" : "; self-signed, so browsers will warn of it");
    begin(start, "http");
    printf("port %d %s\n", (int)ss_config_integer(start->config, "http.port"),
           ss_config_boolean(start->config, "https.redirect_http") ? "redirects to https"
                                                                   : "serves, too");
}

void ss_start_say_ready(const ss_start_t *start) {
    char url[SS_START_URL_MAX];

    say_processes(start);
    if (start->redis != NULL) {
        begin(start, "redis");
        printf("private to this application, with its data in %s/\n", start->dir.redis_dir);
    }
    for (unsigned i = 0; start->balancer != NULL && i < start->n_nodes; i++) {
        printf("node %u: http://127.0.0.1:%d/ (", i + 1, start->nodes[i].port);
        say_node(&start->nodes[i]);
        puts(")");
    }
    say_calls(start);
    say_files(start);
    say_workers(start);
    begin(start, "logs");
    printf("%s/\n", start->dir.logs);
    say_https(start);
    say_urls(start);
    ss_start_url(start, NULL, url);
    printf("%sready:%s %s\n", color(start, GREEN), color(start, PLAIN), url);
    fflush(stdout);
}

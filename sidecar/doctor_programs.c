/* SPDX-License-Identifier: MIT
 *
 * Checks of the programs that an application needs: there, new enough, and fitting.  See doctor.h.
 */
#include "doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "compile.h"
#include "programs.h"
#include "redis.h"
#include "share.h"

#define NGINX_LEAST "1.19.5"
#define NODE_LEAST "18"
#define TEMPLATE "/tmp/socketstream-doctor-XXXXXX"

/* Its status is of no interest where it has to say something.  Some programs do another thing under
 * another name, so that it is told theirs. */
static bool ask_version(const char *path, const char *name, const char *option, ss_buf_t *said) {
    const char *const args[] = {name, option, NULL};

    return ss_program_run(path, (char *const *)(uintptr_t)args, SS_DOCTOR_WAIT_MS, said) != -1;
}

/* What is found at `path`, and says its version behind `mark`, is to be at least `least`. */
static void judge_program(ss_finding_t *f, const char *path, const char *name, const char *option,
                          const char *mark, const char *least, ss_buf_t *said) {
    const char *at;
    int version[3];

    if (!ask_version(path, name, option, said)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "install it anew", "%s does not run: %s", path,
                      strerror(errno));
        return;
    }
    at = strstr(ss_buf_string(said), mark);
    if (at == NULL || !ss_program_version(at + strlen(mark), version)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%s tells no version: %.100s", path,
                      ss_buf_string(said));
        ss_doctor_add_remedy(f, "install %s %s or newer", name, least);
    } else if (!ss_program_is_new(version, least)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%s is %d.%d.%d", path, version[0], version[1],
                      version[2]);
        ss_doctor_add_remedy(f, "install %s %s or newer", name, least);
    } else {
        ss_doctor_good(f, "%s, %d.%d.%d", path, version[0], version[1], version[2]);
    }
}

/* --- nginx ----------------------------------------------------------------------------------- */

static void look_at_nginx(ss_doctor_t *d, ss_finding_t *f) {
    ss_buf_t error = {0};

    if (!ss_program_find(&ss_program_nginx, d->config, d->nginx, &error)) {
        d->nginx[0] = '\0';
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &error);
    } else {
        judge_program(f, d->nginx, "nginx", "-V", "nginx version: ", NGINX_LEAST, &d->nginx_build);
    }
    ss_buf_free(&error);
}

/* What the generated configuration uses; the first is for HTTPS alone, the last for nodes behind a
 * balancer. */
static void look_at_build(ss_doctor_t *d, ss_finding_t *f) {
    static const struct {
        const char *module;
        const char *key; /* needed when it is true; NULL: not always */
    } modules[] = {{"http_ssl_module", "https.enabled"},
                   {"http_v2_module", "https.http2"},
                   {"http_realip_module", NULL}};
    bool https = ss_config_boolean(d->config, "https.enabled");
    const char *build = ss_buf_string(&d->nginx_build);

    if (strstr(build, "configure arguments:") == NULL) {
        ss_doctor_skip(f, "there is no nginx to ask");
        return;
    }
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        const char *key = modules[i].key;
        bool needed = https && key != NULL && ss_config_boolean(d->config, key);

        if (strstr(build, modules[i].module) == NULL) {
            ss_doctor_bad(f, needed ? SS_DOCTOR_ERROR : SS_DOCTOR_WARNING, "",
                          "nginx was built without %s", modules[i].module);
            ss_doctor_add_remedy(f, "install an nginx with --with-%s", modules[i].module);
            return;
        }
    }
    ss_doctor_good(f, "with TLS, HTTP/2 and realip");
}

static bool write_conf(const char *path, const char *module) {
    FILE *out = fopen(path, "wxe");

    if (out == NULL) {
        return false;
    }
    fprintf(out, "load_module \"%s\";\npid nginx.pid;\nerror_log stderr;\nevents {}\n", module);
    return fclose(out) == 0;
}

/* The wait status of nginx -t in a folder of its own; nginx leaves its pid file there. */
static int test_module(const char *nginx, const char *module, const char *folder, ss_buf_t *said) {
    char conf[sizeof(TEMPLATE) + 16];
    char pid[sizeof(TEMPLATE) + 16];
    const char *const args[] = {nginx, "-t", "-p", folder, "-c", conf, "-e", "stderr", NULL};
    int status = -1;

    snprintf(conf, sizeof(conf), "%s/nginx.conf", folder);
    snprintf(pid, sizeof(pid), "%s/nginx.pid", folder);
    if (write_conf(conf, module)) {
        status = ss_program_run(nginx, (char *const *)(uintptr_t)args, SS_DOCTOR_WAIT_MS, said);
    }
    unlink(conf);
    unlink(pid);
    return status;
}

/* In its own words, without what it puts before them. */
static void say_refused(ss_finding_t *f, ss_buf_t *said) {
    char *line = strstr(ss_buf_string(said), "[emerg]");
    bool other = strstr(ss_buf_string(said), "is not binary compatible") != NULL ||
                 strstr(ss_buf_string(said), "instead of") != NULL;

    line = line == NULL ? said->data : line + strlen("[emerg] ");
    line[strcspn(line, "\n")] = '\0';
    ss_doctor_bad(f, SS_DOCTOR_ERROR,
                  other ? "build it anew for this nginx (make clean module), or install the "
                          "package for it"
                        : "build it anew (make clean module)",
                  "nginx does not load the module: %.300s", line);
}

/* Ctrl-C waits until the folder is gone. */
static void try_module(ss_doctor_t *d, const char *module, ss_finding_t *f) {
    char folder[] = TEMPLATE;
    ss_buf_t said = {0};
    sigset_t all;
    sigset_t before;
    int status = -1;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    if (mkdtemp(folder) != NULL) {
        status = test_module(d->nginx, module, folder, &said);
        rmdir(folder);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (status == -1) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "make /tmp writable, and look whether nginx runs",
                      "cannot try the module with nginx: %s", strerror(errno));
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        ss_doctor_good(f, "nginx loads %s", module);
    } else {
        say_refused(f, &said);
    }
    ss_buf_free(&said);
}

static void look_at_module(ss_doctor_t *d, ss_finding_t *f) {
    char module[PATH_MAX];
    ss_buf_t error = {0};

    if (!ss_program_find_module(d->config, module, &error)) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &error);
    } else if (d->nginx[0] == '\0') {
        ss_doctor_skip(f, "there is no nginx that could load %s", module);
    } else {
        try_module(d, module, f);
    }
    ss_buf_free(&error);
}

/* --- the others ------------------------------------------------------------------------------ */

static void look_at_redis_server(ss_doctor_t *d, ss_finding_t *f) {
    char path[PATH_MAX];
    ss_buf_t said = {0};

    if (ss_redis_is_configured(ss_config_get(d->config, "redis"))) {
        ss_doctor_skip(f, "not needed: another Redis is configured");
    } else if (!ss_program_find(&ss_program_redis, d->config, path, &said)) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &said);
    } else {
        judge_program(f, path, "redis-server", "--version", "v=", SS_REDIS_LEAST, &said);
    }
    ss_buf_free(&said);
}

static void look_at_node(ss_doctor_t *d, ss_finding_t *f) {
    char path[PATH_MAX];
    ss_buf_t said = {0};

    if (!d->runs_scripts && !d->packs) {
        ss_doctor_skip(f, "there is no JavaScript to run, and nothing to pack at a start");
    } else if (!ss_program_find(&ss_program_node, d->config, path, &said)) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &said);
    } else {
        judge_program(f, path, "node", "--version", "v", NODE_LEAST, &said);
    }
    ss_buf_free(&said);
}

/* The first of SocketStream's own packages that is not there, by its package.json. */
static const char *missing_package(const json_t *dependencies) {
    const char *name;
    json_t *version;

    json_object_foreach((json_t *)dependencies, name, version) {
        ss_buf_t relative = {0};
        ss_buf_t path = {0};
        ss_buf_t error = {0};
        bool there;

        ss_buf_printf(&relative, "node_modules/%s/package.json", name);
        there = ss_share_find(ss_buf_string(&relative), &path, &error);
        ss_buf_free(&relative);
        ss_buf_free(&path);
        ss_buf_free(&error);
        if (!there) {
            return name;
        }
    }
    return NULL;
}

static void look_at_packages(ss_doctor_t *d, ss_finding_t *f) {
    ss_buf_t path = {0};
    ss_buf_t error = {0};
    json_t *package = NULL;
    const json_t *dependencies = NULL;
    const char *missing = NULL;

    if (!d->runs_scripts && !d->packs) {
        ss_doctor_skip(f, "there is no JavaScript to run, and nothing to pack at a start");
        return;
    }
    if (!ss_share_find("package.json", &path, &error)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "install SocketStream anew", "%s", ss_buf_string(&error));
    } else {
        package = json_load_file(ss_buf_string(&path), 0, NULL);
        dependencies = json_object_get(package, "dependencies");
        missing = missing_package(dependencies);
        path.len -= strlen("/package.json");
    }
    if (missing != NULL) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "the npm package %s is missing from %s/node_modules",
                      missing, ss_buf_string(&path));
        ss_doctor_add_remedy(f, "cd %s && npm install --omit=dev", ss_buf_string(&path));
    } else if (error.len == 0) {
        ss_doctor_good(f, "all %zu that SocketStream needs are in %s",
                       json_object_size(dependencies), ss_buf_string(&path));
    }
    json_decref(package);
    ss_buf_free(&path);
    ss_buf_free(&error);
}

static void look_at_compiler(ss_doctor_t *d, ss_finding_t *f) {
    static const char remedy[] = "install one (apt-get install gcc libc6-dev), or name it with CC";
    ss_buf_t version = {0};
    ss_buf_t header = {0};
    ss_buf_t error = {0};

    if (d->files.c == 0) {
        ss_doctor_skip(f, "there is nothing in C");
    } else if (!ss_compile_ask(SS_DOCTOR_WAIT_MS, &version, &error)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, remedy, "%s", ss_buf_string(&error));
    } else if (!ss_compile_find_header(&header, &error)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "set SS_INCLUDE_DIR to its folder", "%s",
                      ss_buf_string(&error));
    } else {
        ss_doctor_good(f, "%.*s", (int)strcspn(ss_buf_string(&version), "\n"), version.data);
    }
    ss_buf_free(&version);
    ss_buf_free(&header);
    ss_buf_free(&error);
}

const ss_doctor_check_t ss_doctor_programs[] = {
    {"nginx", false, look_at_nginx},         {"nginx-build", false, look_at_build},
    {"nginx-module", false, look_at_module}, {"redis-server", false, look_at_redis_server},
    {"node", false, look_at_node},           {"packages", false, look_at_packages},
    {"compiler", true, look_at_compiler},    {0},
};

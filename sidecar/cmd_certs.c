/* SPDX-License-Identifier: MIT
 *
 * `socketstream certs`: makes what a certificate needs, and says how long one lasts.
 *
 * Owns the options, and what is printed.  The files are those of https.cert_name in the
 * configuration.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "bounds.h"
#include "cert_make.h"
#include "https.h"

#define DAYS_MAX 3650

typedef struct {
    ss_config_t *config;
    char app[PATH_MAX];
    ss_cert_files_t files;
    ss_cert_names_t names; /* of the command line */
    long days;
    bool json;
} certs_t;

static bool complain(const char *text) {
    fprintf(stderr, "socketstream: %s\n", text);
    return false;
}

/* Tells the line in `error`, if there is one, and frees it. */
static int end(bool ok, ss_buf_t *error) {
    if (!ok && error->len != 0) {
        complain(ss_buf_string(error));
    }
    ss_buf_free(error);
    return ok ? SS_EXIT_OK : SS_EXIT_FAILED;
}

/* --- making ---------------------------------------------------------------------------------- */

static bool make_folder(ss_buf_t *error) {
    if ((mkdir("config", 0755) != 0 && errno != EEXIST) ||
        (mkdir(SS_CERTS_DIR, 0755) != 0 && errno != EEXIST)) {
        ss_buf_printf(error, "cannot make the folder %s: %s", SS_CERTS_DIR, strerror(errno));
    }
    return error->len == 0;
}

static bool make_key(const certs_t *certs, ss_buf_t *error) {
    if (!make_folder(error) || !ss_cert_make_key(certs->files.key, error)) {
        return false;
    }
    printf("%s: a key for P-256; keep it secret, and out of version control\n", certs->files.key);
    return true;
}

static bool has_key(const certs_t *certs) { return access(certs->files.key, F_OK) == 0; }

/* A certificate may be for all hosts below a name, which only a challenge by DNS proves. */
static bool is_name(const char *name) {
    bool wild = strncmp(name, "*.", 2) == 0;
    const char *host = wild ? name + 2 : name;

    return ss_cert_is_host(host) &&
           (!wild || (!ss_cert_is_address(host) && strchr(host, '.') != NULL));
}

static bool check_names(const ss_cert_names_t *names, ss_buf_t *error) {
    for (size_t i = 0; i < names->count; i++) {
        if (!is_name(names->names[i])) {
            ss_buf_printf(error,
                          "\"%.100s\" is no name of a host, and no address: it must be of letters, "
                          "digits, hyphens and dots, as www.example.com and *.example.com are",
                          names->names[i]);
            return false;
        }
    }
    return true;
}

static int request(const certs_t *certs) {
    const char *domain = ss_config_string(certs->config, "https.domain");
    ss_cert_names_t names = certs->names.count == 0 ? (ss_cert_names_t){&domain, 1} : certs->names;
    ss_buf_t error = {0};
    bool ok;

    if (names.names == &domain && domain[0] == '\0') {
        ss_buf_literal(&error, "whom is it for? Name them, or set https.domain in the "
                               "configuration");
    }
    ok = error.len == 0 && check_names(&names, &error) &&
         (has_key(certs) || make_key(certs, &error)) &&
         ss_cert_make_request(certs->files.key, &names, certs->files.csr, &error);
    if (ok) {
        printf("%s: a request; give it to an authority, and put what comes back into %s, and the "
               "certificates between it and the root into %s\n",
               certs->files.csr, certs->files.cert, certs->files.ca);
    }
    return end(ok, &error);
}

static int self_signed(const certs_t *certs) {
    const char *list[SS_CERT_NAMES_MAX];
    ss_cert_names_t names = certs->names;
    ss_buf_t error = {0};
    bool ok;

    if (names.count == 0) {
        names = (ss_cert_names_t){list, ss_https_own_names(list, certs->config)};
    }
    if (access(certs->files.cert, F_OK) == 0) {
        ss_buf_printf(&error, "%s exists, and is not written over: move it away first",
                      certs->files.cert);
    }
    ok = error.len == 0 && check_names(&names, &error) &&
         (has_key(certs) || make_key(certs, &error)) &&
         ss_cert_make_self_signed(certs->files.key, &names, certs->files.cert, &error);
    if (ok) {
        printf("%s: a certificate for %d days, signed by nobody: browsers will warn of it\n",
               certs->files.cert, SS_CERT_SELF_DAYS);
    }
    return end(ok, &error);
}

/* --- checking -------------------------------------------------------------------------------- */

static json_t *names_as_json(const ss_cert_info_t *info) {
    json_t *names = json_array();
    char *text = ss_copy(info->names.data, info->names.len);
    char *rest = NULL;

    for (char *name = strtok_r(text, ", ", &rest); name != NULL;
         name = strtok_r(NULL, ", ", &rest)) {
        json_array_append_new(names, json_string(name));
    }
    free(text);
    return names;
}

static void print_json(const ss_https_t *https, bool due, ss_buf_t *problem) {
    json_t *out = json_pack("{s:s, s:b}", "file", https->files.cert, "due", due);
    char date[SS_CERT_DATE_MAX];

    if (https->cert != NULL) {
        const ss_cert_info_t *info = ss_cert_info(https->cert);

        json_object_set_new(out, "names", names_as_json(info));
        json_object_set_new(out, "issuer", json_stringn(info->issuer.data, info->issuer.len));
        ss_cert_date(date, info->not_before);
        json_object_set_new(out, "not_before", json_string(date));
        ss_cert_date(date, info->not_after);
        json_object_set_new(out, "not_after", json_string(date));
        json_object_set_new(out, "days_left", json_integer(ss_cert_days_left(info)));
        json_object_set_new(out, "self_signed", json_boolean(info->self_signed));
        json_object_set_new(out, "key", json_string(https->files.key));
    }
    json_object_set_new(out, "problem",
                        problem->len == 0 ? json_null() : json_string(ss_buf_string(problem)));
    json_dumpf(out, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(out);
}

static void print_text(const ss_https_t *https) {
    const ss_cert_info_t *info = ss_cert_info(https->cert);
    char from[SS_CERT_DATE_MAX];
    char until[SS_CERT_DATE_MAX];

    ss_cert_date(from, info->not_before);
    ss_cert_date(until, info->not_after);
    printf("file:   %s\n"
           "key:    %s, which belongs to it\n"
           "names:  %.*s\n"
           "issuer: %.*s%s\n"
           "valid:  %s to %s, %d days left\n",
           https->files.cert, https->files.key, (int)info->names.len, info->names.data,
           (int)info->issuer.len, info->issuer.data, info->self_signed ? " (self-signed)" : "",
           from, until, ss_cert_days_left(info));
}

static int check(const certs_t *certs) {
    ss_https_t https = {0};
    ss_buf_t problem = {0};
    bool found = ss_https_look(&https, certs->config, &problem);
    bool ok = found && ss_https_is_usable(&https, certs->config, &problem);

    if (ok && ss_cert_days_left(ss_cert_info(https.cert)) < certs->days) {
        ss_buf_printf(&problem,
                      "%s expires in %d days: renew it (socketstream certs acme tells how)",
                      https.files.cert, ss_cert_days_left(ss_cert_info(https.cert)));
        ok = false;
    } else if (!found && problem.len == 0) {
        ss_buf_printf(&problem,
                      "there is no %s: put one there, or let `socketstream start` make a "
                      "self-signed one",
                      certs->files.cert);
    }
    if (certs->json) {
        print_json(&https, !ok, &problem);
        problem.len = 0;
    } else if (found) {
        print_text(&https);
    }
    ss_https_close(&https);
    return end(ok, &problem);
}

/* --- ACME ------------------------------------------------------------------------------------ */

static int acme(const certs_t *certs) {
    const char *domain = ss_config_string(certs->config, "https.domain");
    const char *name = domain[0] == '\0' ? "www.example.com" : domain;
    int port = (int)ss_config_integer(certs->config, "http.port");

    if (port != 80) {
        printf(
            "# The authority asks at port 80: http.port is %d, so make it 80 or forward that.\n\n",
            port);
    }
    printf("# Neither redirect holds for /.well-known/acme-challenge/: it is served from public/.\n"
           "# For an nginx of your own, in the server of port 80:\n"
           "#   location ^~ /.well-known/acme-challenge/ { root %s/public; }\n\n",
           certs->app);
    printf("# With certbot, as root; the hook runs after each renewal.  For `socketstream start`\n"
           "# it ends with   kill -HUP \"$(cat %s/.socketstream/lock)\"\n"
           "certbot certonly --webroot -w %s/public -d %s --deploy-hook '\n"
           "    install -m 600 \"$RENEWED_LINEAGE/privkey.pem\"   %s/%s &&\n"
           "    install -m 644 \"$RENEWED_LINEAGE/fullchain.pem\" %s/%s &&\n"
           "    systemctl reload nginx'\n\n",
           certs->app, certs->app, name, certs->app, certs->files.key, certs->app,
           certs->files.cert);
    printf("# Or with acme.sh:\n"
           "acme.sh --issue --webroot %s/public -d %s\n"
           "acme.sh --install-cert -d %s \\\n"
           "    --key-file %s/%s \\\n"
           "    --fullchain-file %s/%s \\\n"
           "    --reloadcmd 'systemctl reload nginx'\n\n"
           "# Once a day, should a renewal fail:\n"
           "SS_ENV=%s socketstream certs check --app %s --days 14\n",
           certs->app, name, name, certs->app, certs->files.key, certs->app, certs->files.cert,
           ss_config_env(certs->config), certs->app);
    return SS_EXIT_OK;
}

static int key(const certs_t *certs) {
    ss_buf_t error = {0};

    return end(make_key(certs, &error), &error);
}

/* --- the command ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(const certs_t *certs);
    bool takes_names;
} commands[] = {
    {"key", key, false},     {"request", request, true}, {"self-signed", self_signed, true},
    {"check", check, false}, {"acme", acme, false},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool enter(certs_t *certs, const char *app) {
    char error[SS_CONFIG_ERROR_MAX];
    ss_buf_t why = {0};

    _Static_assert(sizeof(certs->app) >= sizeof(((ss_args_t *)0)->app), "it is copied");
    strcpy(certs->app, app);
    if (chdir(app) != 0) {
        fprintf(stderr, "socketstream: %s: %s\n", app, strerror(errno));
        return false;
    }
    certs->config = ss_config_load(app, error);
    if (certs->config == NULL) {
        return complain(error);
    }
    return end(ss_cert_files_name(&certs->files, SS_CERTS_DIR,
                                  ss_config_string(certs->config, "https.cert_name"), &why),
               &why) == SS_EXIT_OK;
}

static int run(const ss_args_t *args) {
    static certs_t certs = {.days = SS_CERT_DUE_DAYS};
    const char *word = ss_args_operand(args, 0);
    size_t i = 0;
    int status;

    while (i < N_COMMANDS && (word == NULL || strcmp(word, commands[i].name) != 0)) {
        i++;
    }
    if (i == N_COMMANDS) {
        return ss_args_refuse(args->command, "one of key, request, self-signed, check and acme "
                                             "must follow");
    }
    if (args->n_operands > 1 && !commands[i].takes_names) {
        return ss_args_refuse(args->command, "%s takes no names", word);
    }
    if (!ss_args_number(args, "days", 0, DAYS_MAX, &certs.days)) {
        return SS_EXIT_USAGE;
    }
    certs.json = ss_args_get(args, "json") != NULL;
    certs.names = (ss_cert_names_t){args->operands + 1, args->n_operands - 1};
    status = enter(&certs, args->app) ? commands[i].run(&certs) : SS_EXIT_FAILED;
    ss_config_destroy(certs.config);
    return status;
}

const ss_command_t ss_command_certs = {
    .name = "certs",
    .summary = "make, check and renew certificates",
    .about = "The certificate is config/ssl_certs/NAME.cert.pem, NAME being https.cert_name of the "
             "configuration; its key is NAME.key.pem, those between it and the root are in "
             "NAME.ca.pem.\n\n"
             "key makes a key (P-256) that only its owner can read; none is written over. request "
             "makes a request with it, NAME.csr.pem, for an authority to sign, for https.domain "
             "where no names are given. self-signed makes a certificate that no authority has "
             "signed. check says whom the certificate is for and until when, with status 1 when it "
             "is to be renewed, or cannot be used. acme says how to have it made and renewed by "
             "Let's Encrypt or the like.",
    .operand = "key|request|self-signed|check|acme [NAME ...]",
    .operands_max = SS_CERT_NAMES_MAX + 1,
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "days",
             .argument = "N",
             .meaning = "renewal is due N days before the end; 30 when not given"},
            {.name = "json", .meaning = "check, for programs"},
        },
    .examples =
        {
            {"SS_ENV=production socketstream certs request www.example.com example.com",
             "for an authority to sign"},
            {"SS_ENV=production socketstream certs check --days 14 || mail -s 'renew it' root",
             "in a daily job"},
        },
    .run = run,
};

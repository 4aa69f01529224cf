/* SPDX-License-Identifier: MIT
 *
 * See https.h.
 */
#include "https.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "cert_make.h"
#include "rundir.h"

#define OWN_DIR SS_RUNDIR_NAME "/ssl"
#define OWN_NAME "self-signed"

static bool exists(const char *path) { return access(path, F_OK) == 0; }

/* --- a certificate of our own ---------------------------------------------------------------- */

size_t ss_https_own_names(const char **list, const ss_config_t *config) {
    static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
    static char hostname[256];
    const char *domain = ss_config_string(config, "https.domain");
    size_t n = 0;

    if (domain[0] != '\0') {
        list[n++] = domain;
    }
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        if (strcmp(domain, local[i]) != 0) {
            list[n++] = local[i];
        }
    }
    if (gethostname(hostname, sizeof(hostname) - 1) == 0 && ss_cert_is_host(hostname) &&
        strcmp(hostname, domain) != 0 && strcmp(hostname, "localhost") != 0) {
        list[n++] = hostname;
    }
    return n;
}

/* It is made anew rather than mended: nobody but browsers that were told to knows it. */
static bool fits(const ss_cert_t *cert, const ss_cert_names_t *names) {
    const ss_cert_info_t *info = ss_cert_info(cert);

    if (ss_cert_days_left(info) < SS_CERT_DUE_DAYS || info->not_before > (int64_t)time(NULL)) {
        return false;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (!ss_cert_is_for(cert, names->names[i])) {
            return false;
        }
    }
    return true;
}

static bool make_own_dir(ss_buf_t *error) {
    if (mkdir(OWN_DIR, 0700) != 0 && errno != EEXIST) {
        ss_buf_printf(error, "cannot make the folder %s: %s", OWN_DIR, strerror(errno));
        return false;
    }
    return true;
}

static ss_cert_t *make_own(const ss_cert_files_t *files, const ss_cert_names_t *names,
                           ss_buf_t *error) {
    if (!make_own_dir(error)) {
        return NULL;
    }
    unlink(files->key);
    if (!ss_cert_make_key(files->key, error) ||
        !ss_cert_make_self_signed(files->key, names, files->cert, error)) {
        return NULL;
    }
    return ss_cert_load(files, error);
}

static ss_cert_t *open_own(const ss_cert_files_t *files, const ss_config_t *config,
                           ss_buf_t *error) {
    const char *list[SS_CERT_NAMES_MAX];
    ss_cert_names_t names = {list, ss_https_own_names(list, config)};
    ss_buf_t why = {0};
    ss_cert_t *cert = exists(files->cert) ? ss_cert_load(files, &why) : NULL;

    ss_buf_free(&why);
    if (cert != NULL && !fits(cert, &names)) {
        ss_cert_destroy(cert);
        cert = NULL;
    }
    return cert != NULL ? cert : make_own(files, &names, error);
}

/* --- the application's ----------------------------------------------------------------------- */

/* The names of the files in use.  A key alone waits for its certificate. */
static bool choose(ss_https_t *https, const ss_config_t *config, ss_buf_t *error) {
    const char *name = ss_config_string(config, "https.cert_name");
    ss_cert_files_t *files = &https->files;

    if (!ss_cert_files_name(files, SS_CERTS_DIR, name, error)) {
        return false;
    }
    if (exists(files->cert) && !exists(files->key)) {
        ss_buf_printf(error,
                      "%s is missing: the certificate %s is of no use without its key; put it "
                      "there, or make both anew (socketstream certs key, socketstream certs "
                      "request)",
                      files->key, files->cert);
        return false;
    }
    https->made_here = !exists(files->cert);
    if (https->made_here && strcmp(name, "site") != 0) {
        ss_buf_printf(error,
                      "%s is missing: https.cert_name is \"%s\", so put the certificate there, "
                      "or leave that key out to begin with a self-signed one",
                      files->cert, name);
        return false;
    }
    return !https->made_here || ss_cert_files_name(files, OWN_DIR, OWN_NAME, error);
}

static bool name_file(char *out, const char *app_dir, const char *folder, const char *name) {
    return snprintf(out, SS_CERT_PATH_MAX, "%s/%s%s", app_dir, folder, name) < SS_CERT_PATH_MAX;
}

/* nginx is told by absolute names; `start` takes none with a $ in it. */
static bool name_files(ss_https_t *https, const char *app_dir, ss_buf_t *error) {
    const ss_cert_files_t *files = &https->files;
    bool has_ca = exists(files->ca);

    if (!name_file(https->key_file, app_dir, "", files->key) ||
        !name_file(https->cert_file, app_dir, has_ca ? OWN_DIR : "",
                   has_ca ? strrchr(files->cert, '/') : files->cert)) {
        ss_buf_printf(error, "%s: the path is too long", app_dir);
        return false;
    }
    return !has_ca ||
           (make_own_dir(error) && ss_cert_write_chain(https->cert, https->cert_file, error));
}

bool ss_https_is_usable(const ss_https_t *https, const ss_config_t *config, ss_buf_t *why) {
    const char *domain = ss_config_string(config, "https.domain");
    const ss_cert_info_t *info = ss_cert_info(https->cert);
    const char *file = https->files.cert;
    char date[SS_CERT_DATE_MAX];

    if (ss_cert_days_left(info) < 0) {
        ss_cert_date(date, info->not_after);
        ss_buf_printf(why, "%s expired on %s: renew it (socketstream certs acme tells how)", file,
                      date);
    } else if (info->not_before > (int64_t)time(NULL)) {
        ss_cert_date(date, info->not_before);
        ss_buf_printf(why, "%s is not valid before %s: look at this machine's clock", file, date);
    } else if (domain[0] != '\0' && !ss_cert_is_for(https->cert, domain)) {
        ss_buf_printf(why,
                      "%s is for %.*s, but https.domain is \"%s\": request one for that name, or "
                      "change https.domain",
                      file, (int)info->names.len, info->names.data, domain);
    }
    return why->len == 0;
}

static void warn(const ss_https_t *https, ss_buf_t *warning) {
    const ss_cert_files_t *files = &https->files;
    int days = ss_cert_days_left(ss_cert_info(https->cert));
    struct stat st;

    if (days >= 0 && days < SS_CERT_DUE_DAYS) {
        ss_buf_printf(warning,
                      "%s expires in %d days: renew it (socketstream certs acme tells how)\n",
                      files->cert, days);
    }
    if (stat(files->key, &st) == 0 && (st.st_mode & 07) != 0) {
        ss_buf_printf(warning, "%s can be read by everybody on this machine: chmod 600 it\n",
                      files->key);
    }
}

static bool judge(const ss_https_t *https, const ss_config_t *config, ss_buf_t *warning,
                  ss_buf_t *error) {
    bool strict = strcmp(ss_config_env(config), "production") == 0;
    ss_buf_t why = {0};
    bool ok = ss_https_is_usable(https, config, &why);

    if (!ok) {
        ss_buf_printf(strict ? error : warning, "%s%s", ss_buf_string(&why), strict ? "" : "\n");
    }
    ss_buf_free(&why);
    warn(https, warning);
    return ok || !strict;
}

/* --- the contract ---------------------------------------------------------------------------- */

bool ss_https_open(ss_https_t *https, const ss_config_t *config, const char *app_dir,
                   ss_buf_t *warning, ss_buf_t *error) {
    const char *domain = ss_config_string(config, "https.domain");

    if (domain[0] != '\0' && (!ss_cert_is_host(domain) || strchr(domain, ':') != NULL)) {
        ss_buf_printf(error,
                      "https.domain must be a host's name without scheme, port and path, such as "
                      "\"www.example.com\", but is \"%.100s\"",
                      domain);
        return false;
    }
    if (!choose(https, config, error)) {
        return false;
    }
    https->cert = https->made_here ? open_own(&https->files, config, error)
                                   : ss_cert_load(&https->files, error);
    if (https->cert == NULL || !name_files(https, app_dir, error) ||
        !judge(https, config, warning, error)) {
        ss_https_close(https);
        return false;
    }
    https->trusted = !ss_cert_info(https->cert)->self_signed;
    return true;
}

bool ss_https_look(ss_https_t *https, const ss_config_t *config, ss_buf_t *error) {
    if (!choose(https, config, error) || !exists(https->files.cert)) {
        return false;
    }
    https->cert = ss_cert_load(&https->files, error);
    https->trusted = https->cert != NULL && !ss_cert_info(https->cert)->self_signed;
    return https->cert != NULL;
}

void ss_https_close(ss_https_t *https) {
    ss_cert_destroy(https->cert);
    memset(https, 0, sizeof(*https));
}

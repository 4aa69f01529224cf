/* SPDX-License-Identifier: MIT
 *
 * See certs.h.
 */
#include "certs.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "bounds.h"
#include "cert_make.h"

#define HOST_MAX 253          /* RFC 1035 section 2.3.4, without the root's dot */
#define SECURITY_BITS_MIN 112 /* OpenSSL's security level 2, Debian's default: RSA of 2048 bits */
#define DAY_S 86400

struct ss_cert {
    STACK_OF(X509) * chain; /* the certificate first */
    ss_cert_info_t info;
};

/* --- names ----------------------------------------------------------------------------------- */

bool ss_cert_is_address(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool ss_cert_is_host(const char *host) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strlen(host);

    return ss_cert_is_address(host) ||
           (len != 0 && len <= HOST_MAX && strspn(host, letters) == len && host[0] != '.' &&
            host[0] != '-' && host[len - 1] != '.' && strstr(host, "..") == NULL);
}

static bool is_file_name(const char *name) {
    for (const char *p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL) {
            return false;
        }
    }
    return name[0] != '\0' && name[0] != '.';
}

bool ss_cert_files_name(ss_cert_files_t *files, const char *folder, const char *name,
                        ss_buf_t *error) {
    char *const paths[] = {files->key, files->cert, files->ca, files->csr};
    static const char *const kinds[] = {"key", "cert", "ca", "csr"};

    if (!is_file_name(name)) {
        ss_buf_printf(error,
                      "https.cert_name must be the first part of a file's name, such as \"site\" "
                      "for site.cert.pem, but is \"%.100s\"",
                      name);
        return false;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (snprintf(paths[i], SS_CERT_PATH_MAX, "%s/%s.%s.pem", folder, name, kinds[i]) >=
            SS_CERT_PATH_MAX) {
            ss_buf_printf(error, "%s: the path is too long", folder);
            return false;
        }
    }
    return true;
}

/* --- files ----------------------------------------------------------------------------------- */

static BIO *open_pem(const char *path, const char *advice, ss_buf_t *error) {
    BIO *bio;

    errno = 0;
    bio = BIO_new_file(path, "r");
    if (bio == NULL) {
        ss_buf_printf(error, "%s: %s: %s", path, strerror(errno), advice);
    }
    return bio;
}

/* Adds all certificates of a file; other things may stand between them. */
static bool read_certs(const char *path, STACK_OF(X509) * certs, ss_buf_t *error) {
    BIO *bio = open_pem(path, "the user who starts nginx must be able to read it", error);
    int before = sk_X509_num(certs);
    unsigned long reason;
    X509 *cert;

    if (bio == NULL) {
        return false;
    }
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        sk_X509_push(certs, cert);
        if (sk_X509_num(certs) > SS_CERT_CHAIN_MAX) {
            ss_buf_printf(error,
                          "%s: more than %d certificates in a chain: leave only those "
                          "between yours and the root",
                          path, SS_CERT_CHAIN_MAX);
            break;
        }
    }
    reason = ERR_peek_last_error();
    BIO_free(bio);
    if (error->len == 0 &&
        (ERR_GET_LIB(reason) != ERR_LIB_PEM || ERR_GET_REASON(reason) != PEM_R_NO_START_LINE)) {
        ss_buf_printf(error, "%s: a certificate in it is damaged: copy it anew", path);
    } else if (error->len == 0 && sk_X509_num(certs) == before) {
        ss_buf_printf(error,
                      "%s: there is no certificate in it: it must be in PEM, and begin with "
                      "-----BEGIN CERTIFICATE-----",
                      path);
    }
    return error->len == 0;
}

/* Nobody is there to type a password when nginx starts. */
static int on_password(char *out, int size, int writing, void *data) {
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)data = true;
    return -1;
}

static EVP_PKEY *read_key(const char *path, ss_buf_t *error) {
    BIO *bio = open_pem(path, "the user who starts nginx must be able to read it", error);
    bool encrypted = false;
    EVP_PKEY *key;

    if (bio == NULL) {
        return NULL;
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, on_password, &encrypted);
    BIO_free(bio);
    if (encrypted) {
        ss_buf_printf(error,
                      "%s: the key is encrypted, and nobody is there to type its password: decrypt "
                      "it (openssl pkey -in %s -out %s.new) and put that in its place",
                      path, path, path);
    } else if (key == NULL) {
        ss_buf_printf(error,
                      "%s: there is no private key in it: it must be in PEM, and begin with "
                      "-----BEGIN PRIVATE KEY----- or the like",
                      path);
    }
    return key;
}

static bool check_key(X509 *cert, const ss_cert_files_t *files, ss_buf_t *error) {
    EVP_PKEY *key = read_key(files->key, error);
    bool ok = key != NULL;

    if (ok && X509_check_private_key(cert, key) != 1) {
        ss_buf_printf(error,
                      "%s is not the key of %s: put in its place the key that the certificate was "
                      "requested with, or request a certificate for this one (socketstream certs "
                      "request)",
                      files->key, files->cert);
        ok = false;
    } else if (ok && EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN) {
        ss_buf_printf(error,
                      "%s: the key is too weak for OpenSSL: take RSA with 2048 bits or more, or "
                      "P-256 as `socketstream certs key` makes",
                      files->key);
        ok = false;
    }
    EVP_PKEY_free(key);
    return ok;
}

/* --- the chain ------------------------------------------------------------------------------- */

static bool is_self_signed(X509 *cert) { return (X509_get_extension_flags(cert) & EXFLAG_SS) != 0; }

static X509 *find_issuer(const X509 *of, const STACK_OF(X509) * pool) {
    for (int i = 0; i < sk_X509_num(pool); i++) {
        X509 *one = sk_X509_value(pool, i);

        if (one != of && X509_check_issued(one, (X509 *)of) == X509_V_OK) {
            return one;
        }
    }
    return NULL;
}

/* From the certificate upwards, in whatever order the files have them.  The root itself stays out:
 * clients have it, or else do not believe it. */
static void order_chain(STACK_OF(X509) * chain, X509 *leaf, const STACK_OF(X509) * pool) {
    X509 *cert = leaf;

    while (cert != NULL && sk_X509_num(chain) <= sk_X509_num(pool) &&
           (cert == leaf || !is_self_signed(cert))) {
        X509_up_ref(cert);
        sk_X509_push(chain, cert);
        cert = is_self_signed(cert) ? NULL : find_issuer(cert, pool);
    }
}

static void write_name(ss_buf_t *out, const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 | XN_FLAG_SEP_CPLUS_SPC);
    len = BIO_get_mem_data(bio, &text);
    ss_buf_append(out, text, (size_t)len);
    BIO_free(bio);
}

/* A chain that is wanted must lead on from the certificate. */
static bool read_chain(ss_cert_t *cert, const ss_cert_files_t *files, ss_buf_t *error) {
    STACK_OF(X509) *pool = sk_X509_new_null();
    bool has_ca = access(files->ca, F_OK) == 0;
    bool ok = read_certs(files->cert, pool, error) &&
              check_key(sk_X509_value(pool, 0), files, error) &&
              (!has_ca || read_certs(files->ca, pool, error));

    if (ok) {
        order_chain(cert->chain, sk_X509_value(pool, 0), pool);
        if (has_ca && find_issuer(sk_X509_value(pool, 0), pool) == NULL) {
            ss_buf_printf(error, "%s: no certificate in it issued %s, whose issuer is \"",
                          files->ca, files->cert);
            write_name(error, X509_get_issuer_name(sk_X509_value(pool, 0)));
            ss_buf_literal(error, "\": take the file that came with the certificate");
            ok = false;
        }
    }
    sk_X509_pop_free(pool, X509_free);
    return ok;
}

/* --- what a certificate says ----------------------------------------------------------------- */

static void add_name(ss_buf_t *names, const char *name, size_t len) {
    if (names->len != 0) {
        ss_buf_literal(names, ", ");
    }
    /* They end up on a terminal. */
    for (size_t i = 0; i < len; i++) {
        ss_buf_append(names, isgraph((unsigned char)name[i]) ? &name[i] : "?", 1);
    }
}

/* Of four or sixteen bytes (RFC 5280 section 4.2.1.6); false when it is of others. */
static bool print_address(const ASN1_STRING *value, char text[INET6_ADDRSTRLEN]) {
    int len = ASN1_STRING_length(value);
    int family = len == 4 ? AF_INET : AF_INET6;

    return (len == 4 || len == 16) &&
           inet_ntop(family, ASN1_STRING_get0_data(value), text, INET6_ADDRSTRLEN) != NULL;
}

static void list_names(ss_buf_t *names, X509 *cert) {
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char text[INET6_ADDRSTRLEN];

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        const ASN1_STRING *value = one->type == GEN_IPADD ? one->d.iPAddress : one->d.dNSName;

        if (one->type == GEN_DNS) {
            add_name(names, (const char *)ASN1_STRING_get0_data(value),
                     (size_t)ASN1_STRING_length(value));
        } else if (one->type == GEN_IPADD && print_address(value, text)) {
            add_name(names, text, strlen(text));
        }
    }
    GENERAL_NAMES_free(all);
}

static int64_t seconds(const ASN1_TIME *time) {
    struct tm tm = {0};

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void describe(ss_cert_t *cert) {
    X509 *leaf = sk_X509_value(cert->chain, 0);

    list_names(&cert->info.names, leaf);
    write_name(&cert->info.issuer, X509_get_issuer_name(leaf));
    cert->info.not_before = seconds(X509_get0_notBefore(leaf));
    cert->info.not_after = seconds(X509_get0_notAfter(leaf));
    cert->info.self_signed = is_self_signed(leaf);
}

ss_cert_t *ss_cert_load(const ss_cert_files_t *files, ss_buf_t *error) {
    ss_cert_t *cert = ss_alloc_zero(sizeof(*cert));

    cert->chain = sk_X509_new_null();
    if (read_chain(cert, files, error)) {
        describe(cert);
    } else {
        ss_cert_destroy(cert);
        cert = NULL;
    }
    ERR_clear_error();
    return cert;
}

void ss_cert_destroy(ss_cert_t *cert) {
    if (cert != NULL) {
        sk_X509_pop_free(cert->chain, X509_free);
        ss_buf_free(&cert->info.names);
        ss_buf_free(&cert->info.issuer);
        free(cert);
    }
}

const ss_cert_info_t *ss_cert_info(const ss_cert_t *cert) { return &cert->info; }

bool ss_cert_is_for(const ss_cert_t *cert, const char *host) {
    X509 *leaf = sk_X509_value(cert->chain, 0);

    return ss_cert_is_address(host) ? X509_check_ip_asc(leaf, host, 0) == 1
                                    : X509_check_host(leaf, host, 0, 0, NULL) == 1;
}

bool ss_cert_write_chain(const ss_cert_t *cert, const char *path, ss_buf_t *error) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok;

    for (int i = 0; i < sk_X509_num(cert->chain); i++) {
        PEM_write_bio_X509(bio, sk_X509_value(cert->chain, i));
    }
    ok = ss_cert_write_file(path, bio, 0644, error);
    BIO_free(bio);
    return ok;
}

int ss_cert_days_left(const ss_cert_info_t *info) {
    int64_t left = info->not_after - (int64_t)time(NULL);

    return (int)(left < 0 ? (left - DAY_S + 1) / DAY_S : left / DAY_S);
}

void ss_cert_date(char *out, int64_t seconds_since) {
    time_t time = (time_t)seconds_since;
    struct tm tm;

    gmtime_r(&time, &tm);
    if (strftime(out, SS_CERT_DATE_MAX, "%Y-%m-%d", &tm) == 0) {
        strcpy(out, "?"); /* a year of five digits */
    }
}

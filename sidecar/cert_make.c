/* SPDX-License-Identifier: MIT
 *
 * See cert_make.h.
 */
#include "cert_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "bounds.h"
#include "certs.h"

#define COMMON_NAME_MAX 64 /* RFC 5280 appendix A.1, ub-common-name */
#define SERIAL_BYTES 16    /* RFC 5280 section 4.1.2.2 allows 20 */
#define SKEW_S 3600        /* clocks of clients may be behind */
#define DAY_S 86400

static bool fail(const char *path, ss_buf_t *error) {
    ss_buf_printf(error, "cannot write %s: %s", path, strerror(errno));
    return false;
}

/* --- files ----------------------------------------------------------------------------------- */

/* Closes it, too.  Half a file is not left behind. */
static bool write_all(int fd, const char *path, BIO *bio) {
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    ssize_t n = 0;
    int reason;

    for (long done = 0; done < len && n >= 0; done += n) {
        n = write(fd, data + done, (size_t)(len - done));
    }
    reason = errno;
    if (close(fd) == 0 && n >= 0) {
        return true;
    }
    reason = n >= 0 ? errno : reason;
    unlink(path);
    errno = reason;
    return false;
}

bool ss_cert_write_file(const char *path, BIO *bio, unsigned mode, ss_buf_t *error) {
    char temporary[SS_CERT_PATH_MAX + 16];
    int fd;

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd == -1 || !write_all(fd, temporary, bio) || rename(temporary, path) != 0) {
        return fail(path, error);
    }
    return true;
}

bool ss_cert_make_key(const char *path, ss_buf_t *error) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    int fd = -1;
    bool ok = key != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

    if (!ok) {
        ss_buf_literal(error, "OpenSSL cannot make a key for P-256");
    } else {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ok = fd != -1 && write_all(fd, path, bio);
        if (!ok && errno == EEXIST) {
            ss_buf_printf(error, "%s exists, and no key is ever written over: move it away first",
                          path);
        } else if (!ok) {
            fail(path, error);
        }
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    return ok;
}

static EVP_PKEY *read_key(const char *path, ss_buf_t *error) {
    BIO *bio = BIO_new_file(path, "r");
    /* With a password for it, as a string, OpenSSL asks nobody. */
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");

    if (key == NULL) {
        ss_buf_printf(error, "%s: %s: `socketstream certs key` makes one", path,
                      bio == NULL ? strerror(errno) : "no private key, or an encrypted one");
    }
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* --- contents -------------------------------------------------------------------------------- */

/* Browsers look at subjectAltName only; a long name has no place in the subject. */
static void set_subject(X509_NAME *subject, const ss_cert_names_t *names) {
    if (strlen(names->names[0]) <= COMMON_NAME_MAX) {
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)names->names[0], -1, -1, 0);
    }
}

static X509_EXTENSION *names_extension(const ss_cert_names_t *names) {
    ss_buf_t text = {0};
    X509_EXTENSION *extension;

    for (size_t i = 0; i < names->count; i++) {
        ss_buf_printf(&text, "%s%s:%s", i == 0 ? "" : ",",
                      ss_cert_is_address(names->names[i]) ? "IP" : "DNS", names->names[i]);
    }
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, ss_buf_string(&text));
    ss_buf_free(&text);
    return extension;
}

static bool add_extension(X509 *cert, X509_EXTENSION *extension) {
    bool ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return ok;
}

/* It is no authority: who trusts it trusts this one server, and nothing its key may sign. */
static bool add_extensions(X509 *cert, const ss_cert_names_t *names) {
    static const struct {
        int nid;
        const char *value;
    } fixed[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
    };
    bool ok = add_extension(cert, names_extension(names));

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        ok = ok &&
             add_extension(cert, X509V3_EXT_conf_nid(NULL, NULL, fixed[i].nid, fixed[i].value));
    }
    return ok;
}

/* Another number each time: browsers refuse two certificates of one issuer and number. */
static bool set_serial(X509 *cert) {
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number;
    bool ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and not zero */
    number = ok ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
    ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

static bool fill_cert(X509 *cert, EVP_PKEY *key, const ss_cert_names_t *names) {
    time_t begin = time(NULL) - SKEW_S;

    set_subject(X509_get_subject_name(cert), names);
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(cert), begin) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), begin + SS_CERT_SELF_DAYS * (time_t)DAY_S - 1) !=
               NULL &&
           X509_set_pubkey(cert, key) == 1 && add_extensions(cert, names) &&
           X509_sign(cert, key, EVP_sha256()) != 0;
}

bool ss_cert_make_self_signed(const char *key_file, const ss_cert_names_t *names, const char *path,
                              ss_buf_t *error) {
    EVP_PKEY *key = read_key(key_file, error);
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL;

    if (ok && (!fill_cert(cert, key, names) || PEM_write_bio_X509(bio, cert) != 1)) {
        ss_buf_printf(error, "OpenSSL cannot make a certificate with %s", key_file);
        ok = false;
    }
    ok = ok && ss_cert_write_file(path, bio, 0644, error);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

static bool fill_request(X509_REQ *request, EVP_PKEY *key, const ss_cert_names_t *names) {
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension = names_extension(names);
    bool ok = extension != NULL && sk_X509_EXTENSION_push(extensions, extension) != 0;

    set_subject(X509_REQ_get_subject_name(request), names);
    ok = ok && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
         X509_REQ_set_pubkey(request, key) == 1 &&
         X509_REQ_add_extensions(request, extensions) == 1 &&
         X509_REQ_sign(request, key, EVP_sha256()) != 0;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

bool ss_cert_make_request(const char *key_file, const ss_cert_names_t *names, const char *path,
                          ss_buf_t *error) {
    EVP_PKEY *key = read_key(key_file, error);
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL;

    if (ok && (!fill_request(request, key, names) || PEM_write_bio_X509_REQ(bio, request) != 1)) {
        ss_buf_printf(error, "OpenSSL cannot make a request with %s", key_file);
        ok = false;
    }
    ok = ok && ss_cert_write_file(path, bio, 0644, error);
    BIO_free(bio);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return ok;
}

/* SPDX-License-Identifier: MIT
 *
 * Certificates: what is refused before nginx sees it, in words that help; the order of a chain; and
 * which certificate an application is served with.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "bounds.h"
#include "cert_make.h"
#include "certs.h"
#include "https.h"

#define DAY_S 86400

static char dir[] = "/tmp/ss-certs-XXXXXX";
static ss_cert_files_t files;
static ss_buf_t error;

/* A certificate with its key, from which others can come. */
typedef struct {
    X509 *cert;
    EVP_PKEY *key;
} party_t;

static party_t root_ca, middle_ca, lower_ca, site, other;

static void set_extension(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `issuer` NULL: by itself; `names` NULL: an authority. */
static party_t issue(const char *subject, const party_t *issuer, const char *names, int from_days,
                     int to_days) {
    party_t party = {X509_new(), EVP_EC_gen("P-256")};
    const party_t *by = issuer == NULL ? &party : issuer;
    static int serial;

    X509_set_version(party.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(party.cert), ++serial);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(party.cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(party.cert, X509_get_subject_name(by->cert));
    X509_gmtime_adj(X509_getm_notBefore(party.cert), from_days * (long)DAY_S);
    /* A minute more, so that whole days are left. */
    X509_gmtime_adj(X509_getm_notAfter(party.cert), to_days * (long)DAY_S + 60);
    X509_set_pubkey(party.cert, party.key);
    set_extension(party.cert, NID_basic_constraints, names == NULL ? "CA:TRUE" : "CA:FALSE");
    if (names != NULL) {
        set_extension(party.cert, NID_subject_alt_name, names);
    }
    assert_int_not_equal(X509_sign(party.cert, by->key, EVP_sha256()), 0);
    return party;
}

static void release(party_t *party) {
    X509_free(party->cert);
    EVP_PKEY_free(party->key);
}

static void write_certs(const char *path, X509 *const *certs, size_t n) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (size_t i = 0; i < n; i++) {
        PEM_write_X509(file, certs[i]);
    }
    fclose(file);
}

static void write_key(const char *path, EVP_PKEY *key, const char *password) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    PEM_write_PrivateKey(file, key, password == NULL ? NULL : EVP_aes_128_cbc(), NULL, 0, NULL,
                         (void *)password);
    fclose(file);
    chmod(path, 0600);
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The files as most have them: a certificate, and the one above it. */
static void write_site(const party_t *party) {
    write_certs(files.cert, &party->cert, 1);
    write_key(files.key, party->key, NULL);
    write_certs(files.ca, &middle_ca.cert, 1);
}

static void assert_refused(const char *file, const char *words) {
    error.len = 0;
    assert_null(ss_cert_load(&files, &error));
    if (strncmp(ss_buf_string(&error), file, strlen(file)) != 0 ||
        strstr(ss_buf_string(&error), words) == NULL ||
        strchr(ss_buf_string(&error), '\n') != NULL) {
        fail_msg("said: %s", ss_buf_string(&error));
    }
}

static ss_cert_t *load(void) {
    ss_cert_t *cert;

    error.len = 0;
    cert = ss_cert_load(&files, &error);
    if (cert == NULL) {
        fail_msg("%s", ss_buf_string(&error));
    }
    return cert;
}

static int begin(void **unused) {
    ss_buf_t why = {0};

    if (mkdtemp(dir) == NULL || chdir(dir) != 0 || mkdir("config", 0700) != 0 ||
        mkdir(SS_CERTS_DIR, 0700) != 0 || mkdir(".socketstream", 0700) != 0 ||
        !ss_cert_files_name(&files, SS_CERTS_DIR, "site", &why)) {
        return -1;
    }
    root_ca = issue("root", NULL, NULL, -1, 100);
    middle_ca = issue("middle", &root_ca, NULL, -1, 100);
    lower_ca = issue("lower", &middle_ca, NULL, -1, 100);
    site = issue("site", &middle_ca, "DNS:www.example.com,DNS:*.example.org,IP:192.0.2.1", -1, 90);
    other = issue("other", &root_ca, "DNS:other.example", -1, 90);
    return 0;
}

static int finish(void **unused) {
    char command[64];

    release(&root_ca);
    release(&middle_ca);
    release(&lower_ca);
    release(&site);
    release(&other);
    ss_buf_free(&error);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static int no_files(void **unused) {
    unlink(files.key);
    unlink(files.cert);
    unlink(files.ca);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static void takes_what_belongs_together(void **unused) {
    ss_cert_t *cert;
    const ss_cert_info_t *info;

    write_site(&site);
    cert = load();
    info = ss_cert_info(cert);
    assert_int_equal(info->names.len, strlen("www.example.com, *.example.org, 192.0.2.1"));
    assert_memory_equal(info->names.data, "www.example.com, *.example.org, 192.0.2.1",
                        info->names.len);
    assert_memory_equal(info->issuer.data, "CN=middle", info->issuer.len);
    assert_false(info->self_signed);
    assert_int_equal(ss_cert_days_left(info), 90);
    assert_true(ss_cert_is_for(cert, "www.example.com"));
    assert_true(ss_cert_is_for(cert, "WWW.EXAMPLE.COM"));
    assert_true(ss_cert_is_for(cert, "a.example.org"));
    assert_true(ss_cert_is_for(cert, "192.0.2.1"));
    assert_false(ss_cert_is_for(cert, "example.com"));
    assert_false(ss_cert_is_for(cert, "a.b.example.org"));
    assert_false(ss_cert_is_for(cert, "192.0.2.2"));
    ss_cert_destroy(cert);
}

static void an_address_of_five_bytes_is_none(void **unused) {
    party_t odd = issue("odd", &middle_ca, "DNS:odd.example", -1, 90);
    GENERAL_NAMES *names = X509_get_ext_d2i(odd.cert, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAME *address = GENERAL_NAME_new();
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    ss_cert_t *cert;

    ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"12345", 5);
    GENERAL_NAME_set0_value(address, GEN_IPADD, bytes);
    sk_GENERAL_NAME_push(names, address);
    X509_add1_ext_i2d(odd.cert, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
    GENERAL_NAMES_free(names);
    assert_int_not_equal(X509_sign(odd.cert, middle_ca.key, EVP_sha256()), 0);
    write_site(&odd);
    cert = load();
    assert_int_equal(ss_cert_info(cert)->names.len, strlen("odd.example"));
    ss_cert_destroy(cert);
    release(&odd);
}

static void refuses_the_key_of_another(void **unused) {
    write_site(&site);
    write_key(files.key, other.key, NULL);
    assert_refused(files.key, "is not the key of config/ssl_certs/site.cert.pem");
}

static void refuses_an_encrypted_key(void **unused) {
    write_site(&site);
    write_key(files.key, site.key, "secret");
    assert_refused(files.key, "openssl pkey -in config/ssl_certs/site.key.pem");
}

static void refuses_a_weak_key(void **unused) {
    party_t weak = issue("weak", &middle_ca, "DNS:weak.example", -1, 90);

    EVP_PKEY_free(weak.key);
    weak.key = EVP_RSA_gen(1024);
    X509_set_pubkey(weak.cert, weak.key);
    X509_sign(weak.cert, middle_ca.key, EVP_sha256());
    write_site(&weak);
    assert_refused(files.key, "too weak");
    release(&weak);
}

static void names_the_file_that_is_missing_or_damaged(void **unused) {
    static char *const paths[] = {files.cert, files.key, files.ca};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        write_site(&site);
        write_text(paths[i], "nothing of the kind\n");
        assert_refused(paths[i], "in it: it must be in PEM");
    }
    write_site(&site);
    write_text(files.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_refused(files.cert, "damaged");
    unlink(files.cert);
    assert_refused(files.cert, "No such file");
    write_site(&site);
    unlink(files.key);
    assert_refused(files.key, "No such file");
}

static void takes_as_many_certificates_as_a_chain_may_have(void **unused) {
    X509 *many[SS_CERT_CHAIN_MAX];

    write_site(&site);
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = i == 0 ? middle_ca.cert : root_ca.cert;
    }
    write_certs(files.ca, many, COUNT_OF(many) - 1);
    ss_cert_destroy(load());
    write_certs(files.ca, many, COUNT_OF(many));
    assert_refused(files.ca, "more than 10 certificates");
}

/* --- the chain ------------------------------------------------------------------------------- */

static void assert_chain(const party_t *const *expected, size_t n) {
    ss_cert_t *cert = load();
    FILE *file;

    assert_true(ss_cert_write_chain(cert, "chain.pem", &error));
    ss_cert_destroy(cert);
    file = fopen("chain.pem", "r");
    assert_non_null(file);
    for (size_t i = 0; i < n; i++) {
        X509 *one = PEM_read_X509(file, NULL, NULL, NULL);

        assert_non_null(one);
        assert_int_equal(X509_cmp(one, expected[i]->cert), 0);
        X509_free(one);
    }
    assert_null(PEM_read_X509(file, NULL, NULL, NULL));
    fclose(file);
}

static void puts_a_chain_in_order_and_leaves_the_root_out(void **unused) {
    party_t deep = issue("deep", &lower_ca, "DNS:deep.example", -1, 90);
    X509 *mixed[] = {root_ca.cert, middle_ca.cert, other.cert, lower_ca.cert};
    X509 *full[] = {deep.cert, lower_ca.cert, middle_ca.cert};

    write_site(&deep);
    write_certs(files.ca, mixed, COUNT_OF(mixed));
    assert_chain((const party_t *[]){&deep, &lower_ca, &middle_ca}, 3);
    /* As ACME clients write it. */
    unlink(files.ca);
    write_certs(files.cert, full, COUNT_OF(full));
    assert_chain((const party_t *[]){&deep, &lower_ca, &middle_ca}, 3);
    write_certs(files.cert, full, 1);
    assert_chain((const party_t *[]){&deep}, 1);
    release(&deep);
}

static void refuses_the_chain_of_another(void **unused) {
    write_site(&site);
    write_certs(files.ca, &lower_ca.cert, 1);
    assert_refused(files.ca, "whose issuer is \"CN=middle\"");
}

/* --- making ---------------------------------------------------------------------------------- */

static void a_key_is_its_owners_only_and_never_written_over(void **unused) {
    struct stat st;
    FILE *file;
    char before[512] = "";
    char after[512] = "";
    mode_t before_umask;

    before_umask = umask(0);
    assert_true(ss_cert_make_key(files.key, &error));
    umask(before_umask);
    assert_int_equal(stat(files.key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    file = fopen(files.key, "r");
    assert_int_not_equal(fread(before, 1, sizeof(before) - 1, file), 0);
    fclose(file);
    error.len = 0;
    assert_false(ss_cert_make_key(files.key, &error));
    assert_non_null(strstr(ss_buf_string(&error), "exists"));
    file = fopen(files.key, "r");
    assert_int_not_equal(fread(after, 1, sizeof(after) - 1, file), 0);
    fclose(file);
    assert_string_equal(before, after);
}

static void half_a_file_is_not_left_behind(void **unused) {
    static const char *const list[] = {"a.example"};
    const ss_cert_names_t names = {list, 1};
    struct rlimit before;
    struct rlimit small;

    assert_true(ss_cert_make_key("whole.pem", &error));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){100, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    error.len = 0;
    assert_false(ss_cert_make_key(files.key, &error));
    assert_non_null(strstr(ss_buf_string(&error), "site.key.pem: File too large"));
    assert_false(ss_cert_make_self_signed("whole.pem", &names, files.cert, &error));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_not_equal(access(files.key, F_OK), 0);
    assert_int_not_equal(access(SS_CERTS_DIR "/site.cert.pem.new", F_OK), 0);
    unlink("whole.pem");
    error.len = 0;
}

static void a_self_signed_one_has_all_names_and_lasts_825_days(void **unused) {
    static const char *const list[] = {"a.example", "::1", "10.0.0.1"};
    const ss_cert_names_t names = {list, COUNT_OF(list)};
    const ss_cert_info_t *info;
    ss_cert_t *cert;

    error.len = 0;
    assert_true(ss_cert_make_key(files.key, &error));
    assert_true(ss_cert_make_self_signed(files.key, &names, files.cert, &error));
    cert = load();
    info = ss_cert_info(cert);
    assert_true(info->self_signed);
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        assert_true(ss_cert_is_for(cert, list[i]));
    }
    assert_int_equal(info->not_after - info->not_before, SS_CERT_SELF_DAYS * DAY_S - 1);
    ss_cert_destroy(cert);
}

static void knows_hosts_from_what_is_none(void **unused) {
    static const char *const good[] = {
        "localhost", "www.example.com", "xn--bcher-kva.example", "10.0.0.1", "::1", "a"};
    static const char *const bad[] = {"",    "a b",    "a,b", "a..b",      ".a",
                                      "-a",  "a.",     "$a",  "a\"b",      "a;b",
                                      "a/b", "a:8443", "*.a", "b\xc3\xbc", "[::1]"};
    char name[255];

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(ss_cert_is_host(good[i]));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(ss_cert_is_host(bad[i]));
    }
    memset(name, 'a', 254);
    name[254] = '\0';
    assert_false(ss_cert_is_host(name));
    name[253] = '\0';
    assert_true(ss_cert_is_host(name));
}

/* --- which one is used ----------------------------------------------------------------------- */

/* What ss_https_open() says; `expected` NULL: that all is well. */
static void assert_opens(bool can, const char *env, const char *domain, const char *expected) {
    char variables[2][128];
    const char *list[] = {variables[0], variables[1], NULL};
    char why[SS_CONFIG_ERROR_MAX];
    ss_buf_t warning = {0};
    ss_https_t https = {0};
    ss_config_t *config;

    snprintf(variables[0], sizeof(variables[0]), "SS_ENV=%s", env);
    snprintf(variables[1], sizeof(variables[1]), "SS__https__domain=%s", domain);
    config = ss_config_load_from(dir, list, why);
    assert_non_null(config);
    error.len = 0;
    assert_int_equal(ss_https_open(&https, config, dir, &warning, &error), can);
    if (expected == NULL) {
        assert_int_equal(warning.len + error.len, 0);
    } else if (strstr(ss_buf_string(can ? &warning : &error), expected) == NULL) {
        fail_msg("said: %s", ss_buf_string(can ? &warning : &error));
    }
    ss_https_close(&https);
    ss_config_destroy(config);
    ss_buf_free(&warning);
}

static void what_browsers_refuse_ends_a_start_in_production_only(void **unused) {
    party_t old = issue("old", &middle_ca, "DNS:www.example.com", -90, -1);
    party_t early = issue("early", &middle_ca, "DNS:www.example.com", 2, 90);

    write_site(&old);
    assert_opens(false, "production", "www.example.com", "expired on ");
    assert_opens(true, "staging", "www.example.com", "expired on ");
    write_site(&early);
    assert_opens(false, "production", "www.example.com", "is not valid before");
    assert_opens(true, "development", "www.example.com", "is not valid before");
    write_site(&site);
    assert_opens(false, "production", "example.com", "is for www.example.com, *.example.org");
    assert_opens(true, "development", "example.com", "is for www.example.com, *.example.org");
    assert_opens(true, "production", "www.example.com", NULL);
    assert_opens(true, "production", "", NULL);
    release(&old);
    release(&early);
}

static void tells_that_renewal_is_due_and_keys_are_open(void **unused) {
    party_t due = issue("due", &middle_ca, "DNS:www.example.com", -60, SS_CERT_DUE_DAYS - 1);
    party_t not_due = issue("not due", &middle_ca, "DNS:www.example.com", -60, SS_CERT_DUE_DAYS);

    write_site(&due);
    assert_opens(true, "production", "", "expires in 29 days");
    write_site(&not_due);
    assert_opens(true, "production", "", NULL);
    chmod(files.key, 0644);
    assert_opens(true, "production", "", "chmod 600");
    release(&due);
    release(&not_due);
}

static void refuses_domains_and_names_that_are_none(void **unused) {
    char why[SS_CONFIG_ERROR_MAX];
    const char *list[] = {"SS__https__cert_name=../site", NULL};
    ss_config_t *config = ss_config_load_from(dir, list, why);
    ss_https_t https = {0};

    assert_opens(false, "development", "https://www.example.com", "without scheme, port and path");
    assert_opens(false, "development", "example.com;}", "without scheme, port and path");
    error.len = 0;
    assert_false(ss_https_open(&https, config, dir, &error, &error));
    assert_non_null(strstr(ss_buf_string(&error), "https.cert_name must be"));
    ss_config_destroy(config);
}

static ino_t inode(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void one_of_our_own_is_kept_until_it_no_longer_fits(void **unused) {
    static const char own[] = ".socketstream/ssl/self-signed.cert.pem";
    static const char own_key[] = ".socketstream/ssl/self-signed.key.pem";
    party_t old =
        issue("old", NULL, "DNS:localhost,IP:127.0.0.1,IP:::1", -90, SS_CERT_DUE_DAYS - 1);
    ino_t first;
    ino_t second;

    assert_opens(true, "development", "", NULL);
    first = inode(own);
    assert_int_not_equal(first, 0);
    assert_opens(true, "production", "", NULL);
    assert_int_equal(inode(own), first);
    assert_opens(true, "development", "new.example", NULL);
    second = inode(own);
    assert_int_not_equal(second, first);
    /* It is for the other names, still. */
    assert_opens(true, "development", "", NULL);
    assert_int_equal(inode(own), second);
    /* It is good for a while, but not for long enough. */
    write_certs(own, &old.cert, 1);
    write_key(own_key, old.key, NULL);
    first = inode(own);
    assert_opens(true, "development", "localhost", NULL);
    assert_int_not_equal(inode(own), first);
    first = inode(own);
    write_text(own_key, "no key");
    assert_opens(true, "development", "", NULL);
    assert_int_not_equal(inode(own), first);
    release(&old);
}

static void a_certificate_that_is_named_must_be_there(void **unused) {
    const char *list[] = {"SS__https__cert_name=staging", NULL};
    char why[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load_from(dir, list, why);
    ss_https_t https = {0};

    error.len = 0;
    assert_false(ss_https_open(&https, config, dir, &error, &error));
    assert_non_null(strstr(ss_buf_string(&error), "config/ssl_certs/staging.cert.pem is missing"));
    ss_config_destroy(config);
    write_site(&site);
    unlink(files.key);
    assert_opens(false, "development", "", "site.key.pem is missing");
}

#define FILES_TEST(sentence, function)                                                             \
    { (sentence), (function), no_files, NULL, NULL }

int main(void) {
    static const struct CMUnitTest tests[] = {
        FILES_TEST("takes what belongs together, and knows its names", takes_what_belongs_together),
        FILES_TEST("an address of five bytes is none", an_address_of_five_bytes_is_none),
        FILES_TEST("refuses the key of another certificate", refuses_the_key_of_another),
        FILES_TEST("refuses an encrypted key", refuses_an_encrypted_key),
        FILES_TEST("refuses a weak key", refuses_a_weak_key),
        FILES_TEST("names the file that is missing or damaged",
                   names_the_file_that_is_missing_or_damaged),
        FILES_TEST("takes as many certificates as a chain may have, and no more",
                   takes_as_many_certificates_as_a_chain_may_have),
        FILES_TEST("puts a chain in order, and leaves the root out",
                   puts_a_chain_in_order_and_leaves_the_root_out),
        FILES_TEST("refuses the chain of another certificate", refuses_the_chain_of_another),
        FILES_TEST("a key is its owner's only, and never written over",
                   a_key_is_its_owners_only_and_never_written_over),
        FILES_TEST("half a file is not left behind", half_a_file_is_not_left_behind),
        FILES_TEST("a self-signed certificate has all names, and lasts 825 days",
                   a_self_signed_one_has_all_names_and_lasts_825_days),
        FILES_TEST("knows hosts from what is none", knows_hosts_from_what_is_none),
        FILES_TEST("what browsers refuse ends a start in production only",
                   what_browsers_refuse_ends_a_start_in_production_only),
        FILES_TEST("tells that renewal is due, and that others can read the key",
                   tells_that_renewal_is_due_and_keys_are_open),
        FILES_TEST("refuses domains and names of files that are none",
                   refuses_domains_and_names_that_are_none),
        FILES_TEST("a certificate of our own is kept until it no longer fits",
                   one_of_our_own_is_kept_until_it_no_longer_fits),
        FILES_TEST("a certificate that is named must be there",
                   a_certificate_that_is_named_must_be_there),
    };

    return cmocka_run_group_tests(tests, begin, finish);
}

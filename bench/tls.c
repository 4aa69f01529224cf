/* SPDX-License-Identifier: MIT
 *
 * OpenSSL for the swarm; see tls.h.
 */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench.h"

static void fail(const char *what) {
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    die("%s: %s", what, text);
}

SSL_CTX *tls_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        fail("SSL_CTX_new");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    /* One recv() for all that is there instead of two for each record, and no buffers while idle:
     * there are thousands of clients. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

void tls_context_free(SSL_CTX *context) { SSL_CTX_free(context); }

SSL *tls_create(SSL_CTX *context, int fd) {
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        fail("SSL_new");
    }
    return ssl;
}

void tls_free(SSL *ssl) { SSL_free(ssl); }

tls_wants_t tls_connect(SSL *ssl) {
    ERR_clear_error();
    int rc = SSL_connect(ssl);
    if (rc == 1) {
        return TLS_DONE;
    }
    switch (SSL_get_error(ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    default:
        fail("TLS handshake");
        return TLS_DONE;
    }
}

ssize_t tls_recv(SSL *ssl, void *buf, size_t cap) {
    size_t total = 0, n;
    ERR_clear_error();
    while (total < cap) {
        int rc = SSL_read_ex(ssl, (char *)buf + total, cap - total, &n);
        if (rc == 1) {
            total += n;
            continue;
        }
        int error = SSL_get_error(ssl, rc);
        if (total != 0) {
            break;
        }
        if (error == SSL_ERROR_WANT_READ) {
            errno = EAGAIN;
            return -1;
        }
        if (error == SSL_ERROR_ZERO_RETURN) {
            return 0;
        }
        fail("TLS read");
    }
    return (ssize_t)total;
}

ssize_t tls_send(SSL *ssl, const void *data, size_t len) {
    size_t n;
    ERR_clear_error();
    int rc = SSL_write_ex(ssl, data, len, &n);
    if (rc == 1) {
        return (ssize_t)n;
    }
    if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_WRITE) {
        fail("TLS write");
    }
    errno = EAGAIN;
    return -1;
}

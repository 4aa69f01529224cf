/* SPDX-License-Identifier: MIT
 *
 * The generator's end of TLS, over sockets that do not block.
 *
 * Certificates are not verified: what is measured is a server of our own on loopback.  Every
 * error but waiting ends the program.
 */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <openssl/types.h>
#include <stddef.h>
#include <sys/types.h>

SSL_CTX *tls_context(void);
void tls_context_free(SSL_CTX *context); /* takes NULL */

/* The socket stays the caller's. */
SSL *tls_create(SSL_CTX *context, int fd);
void tls_free(SSL *ssl); /* takes NULL */

typedef enum { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE } tls_wants_t;

/* One step of the handshake. */
tls_wants_t tls_connect(SSL *ssl);

/* As recv() and send(): −1 with EAGAIN when it would block, 0 at the peer's end.  Less than `cap`
 * received means that nothing more is there. */
ssize_t tls_recv(SSL *ssl, void *buf, size_t cap);
ssize_t tls_send(SSL *ssl, const void *data, size_t len);

#endif

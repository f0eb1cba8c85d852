/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/inbound.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/base/log.h"

enum { END_OF_STREAM = 0 };

struct ssl_st; /* OpenSSL's, of which nothing but its address is used */
typedef int (*ssl_reader)(struct ssl_st *ssl, void *buf, int len);

int SSL_read(struct ssl_st *ssl, void *buf, int len); /* NOLINT(*-naming): OpenSSL's name */

static bool is_too_long(size_t len) {
    if (len > INBOUND_MAX) {
        log_warn("packet from the broker is too long, hanging up", "bytes=%zu most=%d", len,
                 INBOUND_MAX);
    }
    return len > INBOUND_MAX;
}

/* ISO C knows no cast between the two kinds of pointers; POSIX gives them one size. */
static ssl_reader next_ssl_read(void) {
    const void *symbol = dlsym(RTLD_NEXT, "SSL_read");
    ssl_reader reader;
    memcpy(&reader, &symbol, sizeof reader);
    return reader;
}

/* NOLINTNEXTLINE(*-inconsistent-declaration-parameter-name): libc's names are reserved */
ssize_t recv(int fd, void *buf, size_t len, int flags) {
    return is_too_long(len) ? END_OF_STREAM : recvfrom(fd, buf, len, flags, NULL, NULL);
}

int SSL_read(struct ssl_st *ssl, void *buf, int len) {
    const ssl_reader reader = next_ssl_read();
    return !reader || is_too_long((size_t)len) ? END_OF_STREAM : reader(ssl, buf, len);
}

enum gw_status inbound_check(void) {
    const void *found[] = {dlsym(RTLD_DEFAULT, "recv"), dlsym(RTLD_DEFAULT, "SSL_read")};
    ssize_t (*const ours)(int, void *, size_t, int) = recv;
    const ssl_reader ours_ssl = SSL_read;
    return memcmp(&found[0], &ours, sizeof ours) == 0 &&
                   memcmp(&found[1], &ours_ssl, sizeof ours_ssl) == 0
               ? GW_OK
               : GW_ENETWORK;
}

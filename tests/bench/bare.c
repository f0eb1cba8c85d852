/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least a client can do and keep the standard: the request is ready, the length of the
 * answer is known, timed sleeps instead of a wake-up for each byte, the checksum and nothing
 * else. It checks no value and survives no fault: the limit of the serial figures, not a peer.
 *
 * usage: bare LINE BAUD SLAVES COUNT REQUESTS SECONDS   (0 = no limit)
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/tool.h"

static const char program[] = "bare";

enum {
    REQUEST_BYTES = 8,
    REPLY_FIXED = 5,
    REPLY_MAX = 256,
    BITS = 10,
    WAKE_EARLY_NS = 60000,
    TIMEOUT_MS = 500
};

struct client {
    int fd;
    int64_t char_ns;
    int64_t silence_ns;
    int64_t quiet_ns;
    int count;
    int64_t good;
    uint16_t table[256]; /* of the checksum */
};

static void fill_table(uint16_t *table) {
    for (unsigned i = 0; i < 256; i++) {
        unsigned crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        }
        table[i] = (uint16_t)crc;
    }
}

/* With the checksum behind it a good frame's own is 0. */
static bool is_good(const struct client *client, const uint8_t *frame, size_t len) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc = crc >> 8 ^ client->table[(crc ^ frame[i]) & 0xff];
    }
    return crc == 0;
}

static void sleep_until(int64_t at_ns) {
    const struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int open_port(const char *path) {
    struct termios tio;
    const int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &tio) != 0) {
        tool_fail(program, "the line cannot be opened");
    }
    cfmakeraw(&tio);
    tio.c_cc[VMIN] = 0;
    tio.c_cc[VTIME] = 0;
    (void)tcsetattr(fd, TCSANOW, &tio);
    return fd;
}

static size_t receive(const struct client *client, uint8_t *reply, size_t want) {
    size_t have = 0;
    while (have < want) {
        struct pollfd fds = {.fd = client->fd, .events = POLLIN};
        if (poll(&fds, 1, TIMEOUT_MS) != 1) {
            return have;
        }
        const ssize_t got = read(client->fd, reply + have, want - have);
        if (got <= 0) {
            return have;
        }
        have += (size_t)got;
        if (want - have > 1) {
            sleep_until(tool_now_ns() + (int64_t)(want - have) * client->char_ns -
                        WAKE_EARLY_NS);
        }
    }
    return have;
}

/* Not inlined: callgrind is told its name. */
__attribute__((noinline)) static void bare_ask(struct client *client, const uint8_t *request) {
    uint8_t reply[REPLY_MAX];
    const size_t want = REPLY_FIXED + 2 * (size_t)client->count;
    sleep_until(client->quiet_ns);
    if (write(client->fd, request, REQUEST_BYTES) != REQUEST_BYTES) {
        tool_fail(program, "the line takes no bytes");
    }
    const size_t got = receive(client, reply, want);
    client->quiet_ns = tool_now_ns() + client->silence_ns;
    client->good += got == want && is_good(client, reply, want);
}

int main(int argc, char **argv) {
    if (argc != 7) {
        tool_fail(program, "usage: bare LINE BAUD SLAVES COUNT REQUESTS SECONDS");
    }
    const int64_t baud = tool_number(program, argv[2], 300, 460800);
    const int64_t slaves = tool_number(program, argv[3], 1, 247);
    struct client client = {.fd = open_port(argv[1]), .char_ns = BITS * 1000000000LL / baud};
    fill_table(client.table);
    client.silence_ns = baud > 19200 ? 1750000 : client.char_ns * 7 / 2;
    client.count = (int)tool_number(program, argv[4], 1, 125);
    const int64_t requests = tool_number(program, argv[5], 0, INT64_MAX);
    const int64_t until_ns =
        tool_now_ns() + tool_number(program, argv[6], 0, 3600) * 1000000000;
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    int64_t done = 0;
    while (requests > 0 ? done < requests : tool_now_ns() < until_ns) {
        uint8_t request[REQUEST_BYTES] = {(uint8_t)(1 + done % slaves), 3};
        request[5] = (uint8_t)client.count;
        tool_seal(request, REQUEST_BYTES - 2);
        bare_ask(&client, request);
        done++;
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"requests\": %lld, \"good\": %lld, \"switches\": %ld}\n", (long long)done,
                 (long long)client.good, usage.ru_nvcsw);
    (void)close(client.fd);
    return 0;
}

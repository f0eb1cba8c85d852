/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instrument of the serial figures: a pty with Modbus slaves behind the model of a UART.
 *
 *   request | t3.5 | turnaround | answer | t3.5 | next request
 *
 * Each byte of an answer is written at its own deadline of the monotonic clock; between them
 * the program spins, so it wants a core for itself. A cycle's theory is the sum above; the
 * utilisation of a cycle is theory over the time from its request's start to the next one's.
 * A request that starts before t3.5 after the last frame is a violation; strict slaves do not
 * hear it, as real ones do not. It also says how late its own bytes were and how long it was
 * kept from running, so that the driver can throw a disturbed round away.
 *
 * Runs until SIGTERM, then prints one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tests/bench/tool.h"

enum {
    UNITS = 248,
    FRAME_MAX = 256,
    REQUEST_BYTES = 8,
    CYCLES_MAX = 200000,
    LATE_MAX = 1000000,
    STD_BAUD = 19200,
    STD_SILENCE_NS = 1750000
};

static const char program[] = "pbus";

struct options {
    int64_t baud;
    int64_t bits; /* of a character */
    int64_t slaves;
    int64_t turnaround_us;
    bool is_strict;
    bool is_dead[UNITS];
    const char *path;
};

/* Samples of one kind; beyond their room only the first ones are kept. */
struct samples {
    int64_t *values;
    size_t count;
    size_t cap;
};

struct bus {
    struct options options;
    int fd;
    int slave_fd;
    int64_t char_ns;
    int64_t silence_ns;
    /* the request that is being heard */
    uint8_t inbox[FRAME_MAX];
    size_t inbox_len;
    int64_t heard_ns; /* its first byte */
    /* the answer that is being sent */
    uint8_t reply[FRAME_MAX];
    size_t reply_len;
    size_t reply_sent;
    int64_t reply_start_ns;
    /* the last frame on the wire, either way, and the last request */
    int64_t quiet_from_ns;
    int64_t last_start_ns;
    int64_t last_theory_ns; /* of the cycle of the last request; 0 = it was not answered */
    int64_t first_start_ns;
    int64_t theory_ns; /* of all answered cycles that another one followed */
    /* counts */
    int64_t requests;
    int64_t answered;
    int64_t dropped;
    int64_t violations;
    int64_t noise_bytes;
    int64_t stall_max_ns; /* the longest this program was kept from running */
    struct samples shares_ppm;
    struct samples overheads_ns;
    struct samples gaps_ns;
    struct samples late_ns;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number) {
    (void)number;
    is_over = 1;
}

/* --- samples ------------------------------------------------------------------------------ */

static struct samples make_samples(size_t cap) {
    struct samples out = {.values = calloc(cap, sizeof *out.values), .cap = cap};
    if (!out.values) {
        tool_fail(program, "out of memory");
    }
    return out;
}

static void keep(struct samples *samples, int64_t value) {
    if (samples->count < samples->cap) {
        samples->values[samples->count++] = value;
    }
}

static long long share(struct samples *samples, int64_t ppm) {
    return (long long)tool_percentile(samples->values, samples->count, ppm);
}

/* --- hearing ------------------------------------------------------------------------------ */

static void note_cycle(struct bus *bus, int64_t start_ns) {
    if (bus->last_theory_ns > 0) {
        const int64_t elapsed_ns = start_ns - bus->last_start_ns;
        keep(&bus->shares_ppm, bus->last_theory_ns * 1000000 / elapsed_ns);
        keep(&bus->overheads_ns, elapsed_ns - bus->last_theory_ns);
        bus->theory_ns += bus->last_theory_ns;
    }
    if (bus->requests > 0) {
        keep(&bus->gaps_ns, start_ns - bus->quiet_from_ns);
    } else {
        bus->first_start_ns = start_ns;
    }
    bus->last_start_ns = start_ns;
    bus->last_theory_ns = 0;
}

/* What a register holds tells whose it is. */
static size_t answer(const uint8_t *request, uint8_t *reply) {
    const unsigned first = (unsigned)request[2] << 8 | request[3];
    const unsigned count = (unsigned)request[4] << 8 | request[5];
    reply[0] = request[0];
    reply[1] = request[1];
    if (count == 0 || count > 125) {
        reply[1] |= 0x80;
        reply[2] = 3;
        tool_seal(reply, 3);
        return 5;
    }
    reply[2] = (uint8_t)(2 * count);
    for (unsigned i = 0; i < count; i++) {
        reply[3 + 2 * i] = request[0];
        reply[4 + 2 * i] = (uint8_t)((first + i) & 0xff);
    }
    tool_seal(reply, 3 + 2 * (size_t)count);
    return 5 + 2 * (size_t)count;
}

static void take_request(struct bus *bus) {
    const uint8_t *request = bus->inbox;
    const int64_t start_ns = bus->heard_ns;
    const int64_t end_ns = start_ns + REQUEST_BYTES * bus->char_ns;
    const bool is_early = bus->requests > 0 && start_ns < bus->quiet_from_ns + bus->silence_ns;
    note_cycle(bus, start_ns);
    bus->requests++;
    bus->violations += is_early;
    bus->quiet_from_ns = end_ns;
    if (is_early && bus->options.is_strict) {
        bus->dropped++;
        return;
    }
    if (request[0] < 1 || request[0] > bus->options.slaves ||
        bus->options.is_dead[request[0]]) {
        return;
    }
    bus->reply_len = answer(request, bus->reply);
    bus->reply_sent = 0;
    bus->reply_start_ns = end_ns + bus->silence_ns + bus->options.turnaround_us * 1000;
    bus->last_theory_ns = (REQUEST_BYTES + (int64_t)bus->reply_len) * bus->char_ns +
                          2 * bus->silence_ns + bus->options.turnaround_us * 1000;
}

static bool is_request(const uint8_t *frame) {
    uint8_t copy[REQUEST_BYTES];
    memcpy(copy, frame, sizeof copy);
    tool_seal(copy, REQUEST_BYTES - 2);
    return memcmp(copy, frame, sizeof copy) == 0 && (frame[1] == 3 || frame[1] == 4);
}

static void search(struct bus *bus) {
    while (bus->inbox_len >= REQUEST_BYTES) {
        const bool is_whole = is_request(bus->inbox);
        const size_t used = is_whole ? REQUEST_BYTES : 1;
        if (is_whole) {
            take_request(bus);
        }
        bus->noise_bytes += !is_whole;
        bus->inbox_len -= used;
        memmove(bus->inbox, bus->inbox + used, bus->inbox_len);
    }
}

/* The moment is taken behind the read: a stall before it would make a request look early. */
static void hear(struct bus *bus) {
    uint8_t *end = bus->inbox + bus->inbox_len;
    const ssize_t got = read(bus->fd, end, sizeof bus->inbox - bus->inbox_len);
    if (got <= 0) {
        return;
    }
    const int64_t at_ns = tool_now_ns();
    if (bus->reply_len > 0) { /* two talk at once: neither is understood */
        bus->noise_bytes += got;
        return;
    }
    if (bus->inbox_len == 0) {
        bus->heard_ns = at_ns;
    }
    bus->inbox_len += (size_t)got;
    search(bus);
}

/* --- talking ------------------------------------------------------------------------------ */

static void talk(struct bus *bus, int64_t at_ns) {
    const int64_t due_ns = bus->reply_start_ns + ((int64_t)bus->reply_sent + 1) * bus->char_ns;
    if (bus->reply_len == 0 || at_ns < due_ns) {
        return;
    }
    keep(&bus->late_ns, at_ns - due_ns);
    if (write(bus->fd, &bus->reply[bus->reply_sent], 1) != 1) {
        bus->noise_bytes++;
    }
    if (++bus->reply_sent == bus->reply_len) {
        bus->quiet_from_ns = due_ns;
        bus->answered++;
        bus->reply_len = 0;
    }
}

static void run(struct bus *bus) {
    int64_t before_ns = tool_now_ns();
    while (!is_over) {
        const int64_t at_ns = tool_now_ns();
        const int64_t away_ns = at_ns - before_ns;
        bus->stall_max_ns = away_ns > bus->stall_max_ns ? away_ns : bus->stall_max_ns;
        before_ns = at_ns;
        talk(bus, at_ns);
        hear(bus);
    }
}

/* --- the program -------------------------------------------------------------------------- */

static void make_raw(int fd) {
    struct termios tio;
    if (tcgetattr(fd, &tio) != 0) {
        tool_fail(program, "the pty has no settings");
    }
    cfmakeraw(&tio);
    if (tcsetattr(fd, TCSANOW, &tio) != 0) {
        tool_fail(program, "the pty cannot be set");
    }
}

/* Our own descriptor on the other end keeps the pty alive between two clients. */
static void open_pty(struct bus *bus) {
    char name[64];
    bus->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (bus->fd < 0 || grantpt(bus->fd) != 0 || unlockpt(bus->fd) != 0 ||
        ptsname_r(bus->fd, name, sizeof name) != 0) {
        tool_fail(program, "no pty");
    }
    bus->slave_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (bus->slave_fd < 0) {
        tool_fail(program, "the pty cannot be opened");
    }
    make_raw(bus->slave_fd);
    (void)unlink(bus->options.path);
    if (symlink(name, bus->options.path) != 0) {
        tool_fail(program, "the link cannot be made");
    }
}

static void mark_dead(struct options *options, const char *text) {
    const char *at = text;
    while (*at) {
        char *end = NULL;
        const long unit = strtol(at, &end, 10);
        if (end == at || unit < 1 || unit >= UNITS) {
            tool_fail(program, "-d takes units, separated by commas");
        }
        options->is_dead[unit] = true;
        at = *end == ',' ? end + 1 : end;
    }
}

static struct options parse(int argc, char **argv) {
    struct options out = {.baud = 9600, .bits = 10, .slaves = 32, .turnaround_us = 5000};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt(argc, argv, "b:B:n:t:d:S")) != -1) {
        switch (option) {
        case 'b':
            out.baud = tool_number(program, optarg, 300, 460800);
            break;
        case 'B':
            out.bits = tool_number(program, optarg, 9, 12);
            break;
        case 'n':
            out.slaves = tool_number(program, optarg, 1, UNITS - 1);
            break;
        case 't':
            out.turnaround_us = tool_number(program, optarg, 0, 10000000);
            break;
        case 'd':
            mark_dead(&out, optarg);
            break;
        case 'S':
            out.is_strict = true;
            break;
        default:
            tool_fail(program, "usage: pbus [-b BAUD] [-B BITS] [-n SLAVES] [-t US] [-d UNITS] "
                               "[-S] LINK");
        }
    }
    if (optind + 1 != argc) {
        tool_fail(program, "one LINK is needed");
    }
    out.path = argv[optind];
    return out;
}

static void report(struct bus *bus) {
    const int64_t elapsed_ns = bus->last_start_ns - bus->first_start_ns;
    const int64_t util_ppm =
        elapsed_ns > 1000 ? bus->theory_ns / 1000 * 1000000 / (elapsed_ns / 1000) : 0;
    (void)printf("{\"requests\": %lld, \"answered\": %lld, \"dropped\": %lld, "
                 "\"violations\": %lld, \"noise_bytes\": %lld, \"elapsed_us\": %lld, "
                 "\"util_ppm\": %lld, ",
                 (long long)bus->requests, (long long)bus->answered, (long long)bus->dropped,
                 (long long)bus->violations, (long long)bus->noise_bytes,
                 (long long)elapsed_ns / 1000, (long long)util_ppm);
    (void)printf("\"util_median_ppm\": %lld, \"overhead_p50_ns\": %lld, \"gap_p50_ns\": %lld, "
                 "\"gap_p99_ns\": %lld, \"late_p50_ns\": %lld, \"late_p99_ns\": %lld, "
                 "\"stall_max_us\": %lld}\n",
                 share(&bus->shares_ppm, 500000), share(&bus->overheads_ns, 500000),
                 share(&bus->gaps_ns, 500000), share(&bus->gaps_ns, 990000),
                 share(&bus->late_ns, 500000), share(&bus->late_ns, 990000),
                 (long long)bus->stall_max_ns / 1000);
}

int main(int argc, char **argv) {
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus) {
        tool_fail(program, "out of memory");
    }
    bus->options = parse(argc, argv);
    bus->char_ns = bus->options.bits * 1000000000 / bus->options.baud;
    bus->silence_ns = bus->options.baud > STD_BAUD ? STD_SILENCE_NS : bus->char_ns * 7 / 2;
    bus->shares_ppm = make_samples(CYCLES_MAX);
    bus->overheads_ns = make_samples(CYCLES_MAX);
    bus->gaps_ns = make_samples(CYCLES_MAX);
    bus->late_ns = make_samples(LATE_MAX);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    open_pty(bus);
    (void)printf("ready\n");
    (void)fflush(stdout);
    run(bus);
    (void)unlink(bus->options.path);
    report(bus);
    free(bus->shares_ppm.values);
    free(bus->overheads_ns.values);
    free(bus->gaps_ns.values);
    free(bus->late_ns.values);
    free(bus);
    return 0;
}

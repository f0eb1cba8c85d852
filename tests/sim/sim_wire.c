/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* How long the rest of a request may keep us waiting, beyond the silence. */
enum { PATIENCE_US = 50000 };

/* --- the pty ----------------------------------------------------------------------------- */

static bool failed(char *error, const char *what) {
    (void)snprintf(error, LINE_ERROR_MAX, "%s: %s", what, strerrordesc_np(errno));
    return false;
}

static bool set_raw(int fd) {
    struct termios tio;
    if (tcgetattr(fd, &tio) != 0) {
        return false;
    }
    cfmakeraw(&tio);
    return tcsetattr(fd, TCSANOW, &tio) == 0;
}

static bool open_pty(struct sim_wire *wire, char *error) {
    wire->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (wire->master_fd < 0 || grantpt(wire->master_fd) != 0 ||
        unlockpt(wire->master_fd) != 0 ||
        ptsname_r(wire->master_fd, wire->target, sizeof wire->target) != 0) {
        return failed(error, "no pty");
    }
    wire->slave_fd = open(wire->target, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (wire->slave_fd < 0 || !set_raw(wire->slave_fd)) {
        return failed(error, wire->target);
    }
    wire->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (wire->watch_fd < 0 || inotify_add_watch(wire->watch_fd, wire->target, IN_CLOSE) < 0) {
        return failed(error, wire->target);
    }
    return true;
}

static bool make_link(struct sim_wire *wire, char *error) {
    const char *link = wire->config.link;
    struct stat info;
    if (lstat(link, &info) == 0) {
        if (!S_ISLNK(info.st_mode)) {
            (void)snprintf(error, LINE_ERROR_MAX, "%s: is there already and is no symlink",
                           link);
            return false;
        }
        if (unlink(link) != 0) {
            return failed(error, link);
        }
    }
    wire->is_linked = symlink(wire->target, link) == 0;
    return wire->is_linked || failed(error, link);
}

static void close_fd(int fd) {
    if (fd >= 0) {
        (void)close(fd);
    }
}

bool sim_wire_open(struct sim_wire *wire, const struct sim_wire_config *config, char *error) {
    *wire = (struct sim_wire){.config = *config,
                              .master_fd = -1,
                              .slave_fd = -1,
                              .watch_fd = -1,
                              .quiet_from_us = INT64_MIN / 2};
    if (!open_pty(wire, error) || !make_link(wire, error)) {
        sim_wire_close(wire);
        return false;
    }
    return true;
}

void sim_wire_close(struct sim_wire *wire) {
    char target[SIM_WIRE_TARGET_MAX] = "";
    if (wire->is_linked && readlink(wire->config.link, target, sizeof target - 1) > 0 &&
        strcmp(target, wire->target) == 0) {
        (void)unlink(wire->config.link);
    }
    close_fd(wire->watch_fd);
    close_fd(wire->slave_fd);
    close_fd(wire->master_fd);
}

/* A real port forgets its exclusive holder and its unread bytes when it is closed; a pty with
 * our own descriptor on it would keep both for the next client. */
void sim_wire_watch(struct sim_wire *wire) {
    _Alignas(struct inotify_event) char events[512];
    bool was_closed = false;
    while (read(wire->watch_fd, events, sizeof events) > 0) {
        was_closed = true;
    }
    if (was_closed) {
        (void)ioctl(wire->slave_fd, TIOCNXCL);
        (void)tcflush(wire->slave_fd, TCIFLUSH);
        wire->is_abandoned = true;
    }
}

/* --- time on the wire -------------------------------------------------------------------- */

static int64_t now_us(const struct sim_wire *wire) {
    return clock_mono_us(wire->config.clock);
}

static int64_t silence_us(const struct sim_wire *wire) {
    return line_silence_us(&wire->config.settings);
}

static int64_t burst_end_us(const struct sim_wire *wire) {
    return wire->burst_start_us + line_chars_us(&wire->config.settings, wire->burst_len);
}

/* Characters that came while earlier ones were still on the wire queue up behind them. */
static void extend_burst(struct sim_wire *wire, int64_t at_us, size_t n) {
    if (at_us > burst_end_us(wire)) {
        wire->burst_start_us = at_us;
        wire->burst_len = 0;
    }
    wire->burst_len += n;
}

/* --- hearing ----------------------------------------------------------------------------- */

static bool is_answering(const struct sim_wire *wire) {
    return wire->outbox_len > 0;
}

static bool is_hearing(const struct sim_wire *wire) {
    return wire->inbox_len > 0 || wire->is_damaged;
}

static void drop(struct sim_wire *wire, size_t n) {
    wire->inbox_len -= n;
    memmove(wire->inbox, wire->inbox + n, wire->inbox_len);
}

/* Counts a request that is over and says whether the meters could hear it. */
static bool is_audible(struct sim_wire *wire) {
    const bool is_early = wire->is_early;
    wire->counts.requests++;
    wire->counts.silence_violations += is_early;
    wire->is_damaged = false;
    wire->is_early = true; /* what follows without a pause breaks the silence */
    wire->quiet_from_us = burst_end_us(wire);
    if (is_early && wire->config.is_strict) {
        wire->counts.strict_dropped++;
        return false;
    }
    return true;
}

static void accept(struct sim_wire *wire, size_t len) {
    if (!is_audible(wire)) {
        drop(wire, len);
        return;
    }
    const struct sim_ears *ears = &wire->config.ears;
    const struct sim_request request = {
        .bytes = wire->inbox, .len = len, .at_us = now_us(wire)};
    wire->outbox_len = ears->answer(ears->context, &request, wire->outbox);
    wire->outbox_sent = 0;
    wire->outbox_start_us = burst_end_us(wire) + silence_us(wire) + wire->config.turnaround_us;
    wire->is_abandoned = false;
    drop(wire, len);
    if (!is_answering(wire)) {
        wire->counts.ignored++;
        return;
    }
    wire->counts.answered++;
    wire->counts.collision_bytes += wire->inbox_len;
    wire->inbox_len = 0;
}

static void search(struct sim_wire *wire) {
    while (wire->inbox_len > 0) {
        size_t n = 0;
        const enum bridge_status status =
            wire->config.ears.frame(wire->inbox, wire->inbox_len, FRAME_REQUEST, &n);
        if (status == BRIDGE_MORE) {
            return;
        }
        if (status == BRIDGE_OK) {
            accept(wire, n);
            continue;
        }
        wire->is_damaged |= status == BRIDGE_ECHECKSUM;
        wire->counts.noise_bytes++;
        drop(wire, 1);
    }
}

void sim_wire_hear(struct sim_wire *wire) {
    uint8_t *end = wire->inbox + wire->inbox_len;
    const ssize_t got = read(wire->master_fd, end, sizeof wire->inbox - wire->inbox_len);
    const int64_t at_us = now_us(wire);
    if (got <= 0) {
        return;
    }
    if (!is_answering(wire) && !is_hearing(wire)) {
        wire->is_early = at_us < wire->quiet_from_us + silence_us(wire);
    }
    extend_burst(wire, at_us, (size_t)got);
    if (is_answering(wire)) {
        wire->counts.collision_bytes += (size_t)got;
        return;
    }
    wire->inbox_len += (size_t)got;
    search(wire);
}

/* Patience is for a request still to be completed; behind a damaged one nothing is awaited. */
static int64_t give_up_us(const struct sim_wire *wire) {
    return burst_end_us(wire) + silence_us(wire) + (wire->is_damaged ? 0 : PATIENCE_US);
}

static void give_up(struct sim_wire *wire) {
    if (wire->is_damaged && is_audible(wire)) {
        wire->counts.ignored++;
    }
    wire->counts.noise_bytes += wire->inbox_len;
    wire->quiet_from_us = burst_end_us(wire);
    wire->inbox_len = 0;
}

/* --- answering --------------------------------------------------------------------------- */

static int64_t byte_due_us(const struct sim_wire *wire, size_t k) {
    return wire->outbox_start_us + line_chars_us(&wire->config.settings, k + 1);
}

static void write_bytes(struct sim_wire *wire, size_t n) {
    ssize_t done = 0;
    if (!wire->is_abandoned) {
        done = write(wire->master_fd, wire->outbox + wire->outbox_sent, n);
    }
    wire->counts.lost_bytes += n - (done > 0 ? (size_t)done : 0);
    wire->outbox_sent += n;
}

static void say(struct sim_wire *wire) {
    const int64_t at_us = now_us(wire);
    size_t due = wire->outbox_sent;
    while (due < wire->outbox_len && byte_due_us(wire, due) <= at_us) {
        due++;
    }
    if (due == wire->outbox_sent) {
        return;
    }
    const int64_t late_us = at_us - byte_due_us(wire, wire->outbox_sent);
    if (late_us > wire->counts.late_max_us) {
        wire->counts.late_max_us = late_us;
    }
    write_bytes(wire, due - wire->outbox_sent);
    if (wire->outbox_sent == wire->outbox_len) {
        /* a master that collided must keep silent after its own last character too */
        const int64_t heard_us = burst_end_us(wire);
        wire->quiet_from_us = at_us > heard_us ? at_us : heard_us;
        wire->outbox_len = 0;
    }
}

int64_t sim_wire_due_us(const struct sim_wire *wire) {
    if (is_answering(wire)) {
        return byte_due_us(wire, wire->outbox_sent);
    }
    return is_hearing(wire) ? give_up_us(wire) : INT64_MAX;
}

void sim_wire_work(struct sim_wire *wire) {
    if (is_answering(wire)) {
        say(wire);
    } else if (is_hearing(wire) && give_up_us(wire) <= now_us(wire)) {
        give_up(wire);
    }
}

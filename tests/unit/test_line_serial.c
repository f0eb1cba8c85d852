/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include "bridges/line.h"
#include "tests/unit/pty_peer.h"

enum { BOUNDED_US = 5000000 };

static const struct line_settings line_8n1 = {9600, 8, 'N', 1};

static void open_line(const char *path, struct clock *clock, struct line **line) {
    char error[LINE_ERROR_MAX] = "";
    clock_init(clock);
    cr_assert_eq(line_open(path, NULL, clock, line, error), BRIDGE_OK, "%s", error);
}

static enum bridge_status refused(const char *path, char *error) {
    struct clock clock;
    clock_init(&clock);
    struct line *line = NULL;
    *error = '\0';
    const enum bridge_status status = line_open(path, NULL, &clock, &line, error);
    cr_expect_null(line, "a line came with %s", bridge_status_text(status));
    if (status == BRIDGE_OK) {
        line_close(line);
    }
    return status;
}

Test(line_serial, is_opened_exclusively) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    char error[LINE_ERROR_MAX];
    cr_expect_eq(refused(pty.path, error), BRIDGE_EBUSY);
    cr_expect_not_null(strstr(error, pty.path), "\"%s\" does not name the port", error);
    line_close(line);
    open_line(pty.path, &clock, &line); /* free again */
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, is_refused_while_another_program_holds_its_lock) {
    struct pty pty;
    pty_open(&pty);
    cr_assert_eq(flock(pty.slave, LOCK_EX | LOCK_NB), 0);
    char error[LINE_ERROR_MAX];
    cr_expect_eq(refused(pty.path, error), BRIDGE_EBUSY);
    cr_expect_str_not_empty(error);
    cr_assert_eq(flock(pty.slave, LOCK_UN), 0);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, what_is_no_tty_is_refused) {
    char path[] = "/tmp/unit-line-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    static const char *const devices[] = {"/dev/null", "/dev/zero"};
    char error[LINE_ERROR_MAX];
    cr_expect_eq(refused(path, error), BRIDGE_EPORT);
    cr_expect_not_null(strstr(error, "is not a serial port"), "\"%s\"", error);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        cr_expect_eq(refused(devices[i], error), BRIDGE_EPORT, "%s", devices[i]);
    }
    (void)close(fd);
    (void)unlink(path);
}

Test(line_serial, what_is_not_there_is_gone) {
    static const char *const paths[] = {"/dev/ttyUSB99", "/nonexistent/tty", "", "/dev"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char error[LINE_ERROR_MAX];
        cr_expect_eq(refused(paths[i], error), BRIDGE_EGONE, "\"%s\"", paths[i]);
        cr_expect_str_not_empty(error);
    }
}

Test(line_serial, may_be_named_by_a_symlink) {
    struct pty pty;
    pty_open(&pty);
    char folder[] = "/tmp/unit-line-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char link[80];
    (void)snprintf(link, sizeof link, "%s/by-id", folder);
    cr_assert_eq(symlink(pty.path, link), 0);
    struct clock clock;
    struct line *line = NULL;
    open_line(link, &clock, &line);
    char error[LINE_ERROR_MAX];
    cr_expect_eq(refused(pty.path, error), BRIDGE_EBUSY, "both names are one port");
    cr_expect_eq(refused(link, error), BRIDGE_EBUSY);
    line_close(line);
    cr_assert_eq(unlink(link), 0);
    cr_expect_eq(refused(link, error), BRIDGE_EGONE);
    (void)rmdir(folder);
    pty_close(&pty);
}

Test(line_serial, carries_every_byte_both_ways) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i; /* XON, XOFF, ^C, CR, 0xff among them */
    }
    uint8_t got[sizeof all] = {0};
    cr_assert_eq(line->ops->write(line, all, sizeof all), BRIDGE_OK);
    cr_assert_eq(read(pty.master, got, sizeof got), (ssize_t)sizeof got);
    cr_expect_arr_eq(got, all, sizeof all);

    memset(got, 0, sizeof got);
    cr_assert_eq(write(pty.master, all, sizeof all), (ssize_t)sizeof all);
    const int64_t deadline_us = clock_mono_us(&clock) + BOUNDED_US;
    for (size_t have = 0, n = 0; have < sizeof all; have += n) {
        cr_assert_eq(line->ops->read(line, got + have, sizeof got - have, deadline_us, &n),
                     BRIDGE_OK);
    }
    cr_expect_arr_eq(got, all, sizeof all);
    line_close(line);
    pty_close(&pty);
}

/* IUCLC turns A to a, IXOFF sends bytes of its own, ECHO sends the reply back. */
Test(line_serial, undoes_what_another_program_left_in_the_port) {
    struct pty pty;
    pty_open(&pty);
    struct termios tio;
    cr_assert_eq(tcgetattr(pty.slave, &tio), 0);
    tio.c_iflag |= IUCLC | IXON | IXOFF | IXANY | ICRNL | ISTRIP | INPCK | IGNPAR | PARMRK;
    tio.c_oflag |= OPOST | ONLCR;
    tio.c_lflag |= ECHO | ICANON | ISIG;
    cr_assert_eq(tcsetattr(pty.slave, TCSANOW, &tio), 0);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    cr_assert_eq(tcgetattr(pty.slave, &tio), 0);
    cr_expect_eq(tio.c_iflag & (IXON | IXOFF | IXANY), 0, "flow control by bytes of the data");
    cr_expect_eq(tio.c_iflag & (IUCLC | ICRNL | INLCR | IGNCR | ISTRIP | PARMRK), 0,
                 "bytes are changed");
    cr_expect_eq(tio.c_iflag & IGNPAR, 0, "bytes with a wrong parity vanish");
    cr_expect_eq(tio.c_oflag & OPOST, 0);
    cr_expect_eq(tio.c_lflag & (ECHO | ICANON | ISIG), 0);

    static const uint8_t sent[] = {'A', 'Z', '\r', 0x03, 0x11, 0x13, 0xff};
    uint8_t got[sizeof sent] = {0};
    cr_assert_eq(write(pty.master, sent, sizeof sent), (ssize_t)sizeof sent);
    const int64_t deadline_us = clock_mono_us(&clock) + BOUNDED_US;
    for (size_t have = 0, n = 0; have < sizeof sent; have += n) {
        cr_assert_eq(line->ops->read(line, got + have, sizeof got - have, deadline_us, &n),
                     BRIDGE_OK);
    }
    cr_expect_arr_eq(got, sent, sizeof sent);
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, sets_every_baud_rate) {
    static const struct {
        uint32_t baud;
        speed_t speed;
    } rows[] = {{300, B300},     {600, B600},       {1200, B1200},     {2400, B2400},
                {4800, B4800},   {9600, B9600},     {19200, B19200},   {38400, B38400},
                {57600, B57600}, {115200, B115200}, {230400, B230400}, {460800, B460800}};
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct line_settings settings = {rows[i].baud, 8, 'N', 1};
        cr_expect_eq(line->ops->set(line, &settings), BRIDGE_OK, "%u baud", rows[i].baud);
        struct termios tio;
        cr_assert_eq(tcgetattr(pty.slave, &tio), 0);
        cr_expect_eq(cfgetospeed(&tio), rows[i].speed, "%u baud out", rows[i].baud);
        cr_expect_eq(cfgetispeed(&tio), rows[i].speed, "%u baud in", rows[i].baud);
    }
    line_close(line);
    pty_close(&pty);
}

/* A pty has no parity, so that nothing can be marked here: what the kernel is asked for, and
 * that FF, which it then doubles, comes through as it was. What marks become is in test_parity.
 */
Test(line_serial, with_parity_a_wrong_one_is_marked) {
    static const struct {
        struct line_settings settings;
        tcflag_t flags;
    } rows[] = {{{2400, 8, 'E', 1}, INPCK | PARMRK},
                {{9600, 8, 'N', 1}, 0},
                {{9600, 8, 'O', 1}, INPCK | PARMRK},
                {{9600, 7, 'E', 1}, INPCK | PARMRK},
                {{9600, 8, 'N', 2}, 0}};
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static const uint8_t sent[] = {0xff, 0x00, 0x41, 0xff, 0xff, 0x16};
        uint8_t got[sizeof sent + 1] = {0};
        struct termios tio;
        cr_assert_eq(line->ops->set(line, &rows[i].settings), BRIDGE_OK, "row %zu", i);
        cr_assert_eq(tcgetattr(pty.slave, &tio), 0);
        cr_expect_eq(tio.c_iflag & (INPCK | PARMRK | IGNPAR | IGNBRK | BRKINT), rows[i].flags,
                     "row %zu", i);
        cr_assert_eq(write(pty.master, sent, sizeof sent), (ssize_t)sizeof sent);
        const int64_t deadline_us = clock_mono_us(&clock) + BOUNDED_US;
        for (size_t have = 0, n = 0; have < sizeof sent; have += n) {
            cr_assert_eq(line->ops->read(line, got + have, sizeof got - have, deadline_us, &n),
                         BRIDGE_OK, "row %zu", i);
        }
        cr_expect_arr_eq(got, sent, sizeof sent, "row %zu", i);
        cr_expect_eq(line->broken, 0);
    }
    line_close(line);
    pty_close(&pty);
}

/* The kernel's ptys force CS8 and drop parity; the bench must go on all the same. */
Test(line_serial, tolerates_a_pty_that_drops_the_framing) {
    static const struct line_settings rows[] = {
        {2400, 8, 'E', 1}, {9600, 8, 'O', 1}, {9600, 8, 'N', 2}, {1200, 7, 'E', 1}};
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(line->ops->set(line, &rows[i]), BRIDGE_OK, "row %zu", i);
        cr_assert_eq(line->ops->write(line, (const uint8_t *)"\x68\x00\xff", 3), BRIDGE_OK);
        uint8_t got[3] = {0};
        cr_assert_eq(read(pty.master, got, sizeof got), 3);
        cr_expect_arr_eq(got, "\x68\x00\xff", 3);
    }
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, a_read_ends_at_its_deadline, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    uint8_t byte = 0;
    size_t got = 0;
    const int64_t start_us = clock_mono_us(&clock);
    cr_expect_eq(line->ops->read(line, &byte, 1, start_us + 300000, &got), BRIDGE_ETIMEOUT);
    const int64_t took_us = clock_mono_us(&clock) - start_us;
    cr_expect_geq(took_us, 300000);
    cr_expect_lt(took_us, BOUNDED_US);
    /* a deadline that has passed takes what is there and waits for nothing */
    cr_expect_eq(line->ops->read(line, &byte, 1, start_us, &got), BRIDGE_ETIMEOUT);
    cr_assert_eq(write(pty.master, "x", 1), 1);
    cr_expect_eq(line->ops->read(line, &byte, 1, clock_mono_us(&clock) + BOUNDED_US, &got),
                 BRIDGE_OK);
    cr_expect(got == 1 && byte == 'x');
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, sleeps_until_its_moment_and_not_at_all_for_a_past_one, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    const int64_t start_us = clock_mono_us(&clock);
    line->ops->sleep_until(line, start_us + 50000);
    cr_expect_geq(clock_mono_us(&clock), start_us + 50000);
    line->ops->sleep_until(line, start_us);
    line->ops->sleep_until(line, 0);
    cr_expect_lt(clock_mono_us(&clock) - start_us, BOUNDED_US);
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, is_gone_after_a_hang_up, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    pty_hang_up(&pty);
    uint8_t byte = 0;
    size_t got = 0;
    const int64_t start_us = clock_mono_us(&clock);
    cr_expect_eq(line->ops->read(line, &byte, 1, start_us + BOUNDED_US, &got), BRIDGE_EGONE);
    cr_expect_eq(line->ops->write(line, &byte, 1), BRIDGE_EGONE);
    cr_expect_neq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    cr_expect_lt(clock_mono_us(&clock) - start_us, BOUNDED_US);
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, a_hang_up_ends_a_read_that_waits, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    static const struct step script[] = {WAIT(100), HANG_UP, {STEP_END, 0, NULL}};
    struct peer peer;
    peer_start(&peer, &pty, script);
    uint8_t byte = 0;
    size_t got = 0;
    cr_expect_eq(line->ops->read(line, &byte, 1, clock_mono_us(&clock) + 20000000, &got),
                 BRIDGE_EGONE);
    peer_stop(&peer);
    line_close(line);
    pty_close(&pty);
}

/* nobody reads the far end: 64 KiB do not fit into a pty */
Test(line_serial, a_write_nobody_takes_ends, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    static const uint8_t much[65536] = {0};
    const int64_t start_us = clock_mono_us(&clock);
    cr_expect_eq(line->ops->write(line, much, sizeof much), BRIDGE_EGONE);
    cr_expect_lt(clock_mono_us(&clock) - start_us, BOUNDED_US);
    line_close(line);
    pty_close(&pty);
}

Test(line_serial, opening_and_closing_leaves_no_descriptor) {
    struct pty pty;
    pty_open(&pty);
    const int before = dup(pty.slave);
    cr_assert_geq(before, 0);
    (void)close(before);
    char error[LINE_ERROR_MAX];
    for (int i = 0; i < 200; i++) {
        struct clock clock;
        struct line *line = NULL;
        open_line(pty.path, &clock, &line);
        (void)refused(pty.path, error); /* nor does a refusal */
        (void)refused("/dev/null", error);
        line_close(line);
    }
    line_close(NULL);
    const int after = dup(pty.slave);
    cr_expect_eq(after, before, "descriptor %d was free, now %d is", before, after);
    (void)close(after);
    pty_close(&pty);
}

/* What came before the port was ours answers nobody. */
Test(line_serial, opening_drops_what_was_waiting, .timeout = 30) {
    struct pty pty;
    pty_open(&pty);
    cr_assert_eq(write(pty.master, "old", 3), 3);
    struct clock clock;
    struct line *line = NULL;
    open_line(pty.path, &clock, &line);
    cr_assert_eq(line->ops->set(line, &line_8n1), BRIDGE_OK);
    uint8_t byte = 0;
    size_t got = 0;
    cr_expect_eq(line->ops->read(line, &byte, 1, clock_mono_us(&clock) + 100000, &got),
                 BRIDGE_ETIMEOUT);
    line_close(line);
    pty_close(&pty);
}

/* A pty has neither an RS-485 driver nor RTS: asking for them is a configuration that is wrong,
 * said in words, and the port is left as it was. */
Test(line_serial, a_port_that_cannot_turn_the_line_says_so) {
    static const struct {
        int rs485;
        const char *words;
    } rows[] = {{LINE_RS485_KERNEL, "RS-485"}, {LINE_RS485_RTS, "RTS"}};
    struct pty pty;
    struct clock clock;
    pty_open(&pty);
    clock_init(&clock);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct line_options options = {.rs485 = rows[i].rs485, .wants_low_latency = true};
        char error[LINE_ERROR_MAX] = "";
        struct line *line = NULL;
        cr_expect_eq(line_open(pty.path, &options, &clock, &line, error), BRIDGE_EPORT);
        cr_expect_not_null(strstr(error, rows[i].words), "%s", error);
        cr_expect_not_null(strstr(error, "rs485: adapter"), "%s", error);
    }
    struct line *line = NULL;
    open_line(pty.path, &clock, &line); /* low latency alone is a wish, not a condition */
    line_close(line);
    pty_close(&pty);
}

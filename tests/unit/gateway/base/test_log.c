/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"

/* stderr goes into a pipe while lines are written; pipes hold 64 KiB, more than any test. */
struct capture {
    int saved;
    int read_end;
    char text[8192];
    size_t len;
};

static void capture_start(struct capture *capture) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    capture->read_end = ends[0];
    capture->saved = dup(STDERR_FILENO);
    cr_assert_geq(capture->saved, 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
}

static void capture_end(struct capture *capture) {
    cr_assert_geq(dup2(capture->saved, STDERR_FILENO), 0);
    close(capture->saved);
    capture->len = 0;
    ssize_t got;
    while ((got = read(capture->read_end, capture->text + capture->len,
                       sizeof capture->text - 1 - capture->len)) > 0) {
        capture->len += (size_t)got;
    }
    capture->text[capture->len] = '\0';
    close(capture->read_end);
}

static size_t lines_in(const struct capture *capture) {
    size_t lines = 0;
    for (size_t i = 0; i < capture->len; i++) {
        lines += capture->text[i] == '\n';
    }
    return lines;
}

Test(log, a_line_is_priority_message_and_values) {
    struct capture capture;
    capture_start(&capture);
    log_warn("poll failed", "bus=%s meter=%d", "floor-1", 7);
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<4>poll failed bus=floor-1 meter=7\n");
}

Test(log, each_level_has_its_systemd_priority) {
    struct capture capture;
    capture_start(&capture);
    log_set_level(LOG_LEVEL_DEBUG);
    log_error("m", "a=%d", 1);
    log_warn("m", "a=%d", 2);
    log_info("m", "a=%d", 3);
    log_debug("m", "a=%d", 4);
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<3>m a=1\n<4>m a=2\n<6>m a=3\n<7>m a=4\n");
}

Test(log, info_is_the_level_at_start) {
    struct capture capture;
    capture_start(&capture);
    log_info("seen", "a=%d", 1);
    log_debug("unseen", "a=%d", 2);
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<6>seen a=1\n");
}

Test(log, what_is_below_the_level_is_not_written) {
    static const struct {
        enum log_level level;
        const char *text;
    } table[] = {
        {LOG_LEVEL_ERROR, "<3>e x=1\n"},
        {LOG_LEVEL_WARN, "<3>e x=1\n<4>w x=1\n"},
        {LOG_LEVEL_INFO, "<3>e x=1\n<4>w x=1\n<6>i x=1\n"},
        {LOG_LEVEL_DEBUG, "<3>e x=1\n<4>w x=1\n<6>i x=1\n<7>d x=1\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct capture capture;
        capture_start(&capture);
        log_set_level(table[i].level);
        log_error("e", "x=%d", 1);
        log_warn("w", "x=%d", 1);
        log_info("i", "x=%d", 1);
        log_debug("d", "x=%d", 1);
        capture_end(&capture);
        cr_assert_str_eq(capture.text, table[i].text);
    }
}

Test(log, a_newline_in_a_value_forges_no_line) {
    struct capture capture;
    capture_start(&capture);
    log_warn("meter", "id=%s", "x\n<0>all is well\r\n");
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<4>meter id=x?<0>all is well??\n");
}

Test(log, every_control_character_becomes_a_question_mark) {
    for (int c = 1; c < 0x80; c++) {
        const bool is_control = c < 0x20 || c == 0x7f;
        const char value[] = {'a', (char)c, 'b', '\0'};
        char want[32];
        (void)snprintf(want, sizeof want, "<4>m v=a%cb\n", is_control ? '?' : c);
        struct capture capture;
        capture_start(&capture);
        log_warn("m", "v=%s", value);
        capture_end(&capture);
        cr_assert_str_eq(capture.text, want, "character %d", c);
    }
}

Test(log, control_characters_in_the_message_itself_are_taken_out_too) {
    struct capture capture;
    capture_start(&capture);
    log_error("two\nlines\x1b[31m", "a=%d", 1);
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<3>two?lines?[31m a=1\n");
}

Test(log, letters_beyond_ascii_stay_as_they_are) {
    struct capture capture;
    capture_start(&capture);
    log_warn("m", "site=%s", "Caf\xc3\xa9 \xe6\xb0\xb4");
    capture_end(&capture);
    cr_assert_str_eq(capture.text, "<4>m site=Caf\xc3\xa9 \xe6\xb0\xb4\n");
}

Test(log, lines_of_every_length_end_in_one_newline) {
    static char value[3001];
    for (size_t len = 900; len <= 3000; len = len < 1100 ? len + 1 : len + 950) {
        memset(value, 'v', len);
        value[len] = '\0';
        struct capture capture;
        capture_start(&capture);
        log_warn("m", "v=%s", value);
        capture_end(&capture);
        cr_assert_eq(lines_in(&capture), 1, "%zu", len);
        cr_assert_eq(capture.text[capture.len - 1], '\n', "%zu", len);
        cr_assert_eq(strncmp(capture.text, "<4>m v=vvv", 10), 0, "%zu", len);
        cr_assert_leq(capture.len, 1024, "%zu", len);
        cr_assert_eq(strspn(capture.text + 7, "v"), capture.len - 8, "%zu", len);
    }
}

Test(log, an_overlong_message_ends_in_one_newline) {
    static char message[3001];
    for (size_t len = 1000; len <= 1030; len++) {
        memset(message, 'm', len);
        message[len] = '\0';
        struct capture capture;
        capture_start(&capture);
        log_write(LOG_LEVEL_ERROR, message, "v=%s", "tail");
        capture_end(&capture);
        cr_assert_eq(lines_in(&capture), 1, "%zu", len);
        cr_assert_eq(capture.text[capture.len - 1], '\n', "%zu", len);
        cr_assert_leq(capture.len, 1024, "%zu", len);
    }
}

Test(log, a_short_value_is_whole_and_a_long_one_fills_the_line) {
    static char value[2001];
    memset(value, 'v', 900);
    struct capture capture;
    capture_start(&capture);
    log_warn("m", "v=%s", value);
    capture_end(&capture);
    cr_assert_eq(capture.len, 7 + 900 + 1);
    memset(value, 'v', 2000);
    capture_start(&capture);
    log_warn("m", "v=%s", value);
    capture_end(&capture);
    cr_assert_gt(capture.len, 1000);
}

enum { THREADS = 4, LINES_EACH = 20 };

static void *write_lines(void *context) {
    const int name = *(const int *)context;
    for (int i = 0; i < LINES_EACH; i++) {
        log_warn("line", "thread=%d padding=%s", name, "pppppppppppppppppppppppppppppppppppp");
    }
    return NULL;
}

Test(log, lines_of_several_threads_do_not_mix) {
    static struct capture capture;
    int names[THREADS] = {0, 1, 2, 3};
    pthread_t threads[THREADS];
    capture_start(&capture);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, &names[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    capture_end(&capture);
    int seen[THREADS] = {0};
    for (char *line = strtok(capture.text, "\n"); line; line = strtok(NULL, "\n")) {
        int name = -1;
        char padding[64] = "";
        cr_assert_eq(sscanf(line, "<4>line thread=%d padding=%63s", &name, padding), 2, "%s",
                     line);
        cr_assert_str_eq(padding, "pppppppppppppppppppppppppppppppppppp");
        cr_assert(name >= 0 && name < THREADS);
        seen[name]++;
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(seen[i], LINES_EACH);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody at the local door: the first byte says in how large pieces the rest is sent.
 *
 * Only the first line is answered, and only when it is whole and not too long; the answer is
 * one line of JSON, and "ok" is true for the status alone. Whatever came, the door lets the
 * next one in.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/hub/hub_state.h"
#include "gateway/local/local.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 5000, TURNS_MAX = 6000, ANSWER_MAX = 65536 };

static struct hub hub;
static uv_loop_t loop;
static struct local *door;
static char path[FUZZ_PATH_MAX];
static size_t answers;
static char request[LOCAL_REQUEST_MAX + 1]; /* as it was given to the answerer */
static size_t request_len;

static char *answer(void *context, const char *text, size_t len) {
    FUZZ_CHECK(len < LOCAL_REQUEST_MAX && !memchr(text, '\n', len));
    memcpy(request, text, len);
    request_len = len;
    answers++;
    return hub_answer(context, text, len);
}

static void prepare(void) {
    static struct settings settings;
    static struct store_config config = {.keep_ms = 1, .readings_max = 1};
    static struct fuzz_clock clock;
    char error[STORE_ERROR_MAX];
    fuzz_clock_init(&clock);
    fuzz_path("gw.sock", path);
    fuzz_path("gateway.db", config.path);
    hub.settings = &settings;
    hub.clock = &clock.clock;
    FUZZ_CHECK(store_open(&config, &clock.clock, &hub.store, error) == GW_OK);
    FUZZ_CHECK(uv_loop_init(&loop) == 0);
    FUZZ_CHECK(local_open(&loop, path, answer, &hub, &door, error) == GW_OK);
}

static int knock(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    FUZZ_CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* Sends all of it as long as it is let, and returns what came back until the door closed. */
static size_t talk(int fd, const uint8_t *data, size_t size, size_t piece, char *out) {
    size_t got = 0;
    size_t sent = 0;
    bool is_done = false;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        const size_t n = piece < size - sent ? piece : size - sent;
        const ssize_t went = n > 0 ? send(fd, data + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        sent += went > 0 ? (size_t)went : 0;
        if (!is_done && (sent == size || went < 0)) {
            is_done = true;
            (void)shutdown(fd, SHUT_WR);
        }
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        const ssize_t came = recv(fd, out + got, ANSWER_MAX - got, MSG_DONTWAIT);
        if (came == 0 || (came < 0 && is_done && errno == ECONNRESET)) {
            return got;
        }
        got += came > 0 ? (size_t)came : 0;
    }
    FUZZ_CHECK(false); /* it hangs */
    return 0;
}

static void check_answer(const char *text, size_t len) {
    json_error_t error;
    FUZZ_CHECK(len > 1 && memchr(text, '\n', len) == text + len - 1);
    json_t *said = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    json_t *asked = json_loadb(request, request_len, JSON_REJECT_DUPLICATES, &error);
    const char *query = json_string_value(json_object_get(asked, "query"));
    const bool is_status = query && strcmp(query, "status") == 0;
    FUZZ_CHECK(json_is_boolean(json_object_get(said, "ok")));
    FUZZ_CHECK(json_is_true(json_object_get(said, "ok")) == is_status);
    FUZZ_CHECK(is_status || json_string_length(json_object_get(said, "error")) > 0);
    json_decref(said);
    json_decref(asked);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static char text[ANSWER_MAX];
    if (size == 0 || size > INPUT_MAX) {
        return;
    }
    if (!door) {
        prepare();
    }
    const uint8_t *line = data + 1;
    const uint8_t *newline = memchr(line, '\n', size - 1);
    answers = 0;
    const int fd = knock();
    const size_t len = talk(fd, line, size - 1, 1 + (size_t)data[0] * 16, text);
    (void)close(fd);
    FUZZ_CHECK(answers == (newline && newline - line < LOCAL_REQUEST_MAX));
    FUZZ_CHECK(answers == 1 || len == 0);
    if (answers == 1) {
        FUZZ_CHECK(request_len == (size_t)(newline - line));
        FUZZ_CHECK(memcmp(request, line, request_len) == 0);
        check_answer(text, len);
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT); /* the client's handles end */
}

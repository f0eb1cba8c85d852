/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local door on a real unix socket, its loop in a thread. That a request which never ends
 * is hung up after five seconds is not tested: it would take them.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/local/local.h"
#include "tests/unit/gateway/temp_dir.h"

enum { GENEROUS_MS = 20000 };

static char dir[TEMP_PATH_MAX];
static char path[TEMP_PATH_MAX];
static char error[200];
static uv_loop_t loop;
static uv_async_t stop;
static pthread_t thread;
static struct local *local; /* lives as long as the process: the room frees nothing of it */
static _Atomic int answered;
static _Atomic bool has_no_memory;

static char *answer(void *context, const char *request, size_t len) {
    (void)context;
    atomic_fetch_add(&answered, 1);
    char *reply = atomic_load(&has_no_memory) ? NULL : malloc(len + 64);
    if (reply) {
        size_t zeros = 0;
        for (size_t i = 0; i < len; i++) {
            zeros += request[i] == '\0';
        }
        (void)snprintf(reply, len + 64, "%zu %zu %.*s\n", len, zeros, (int)len, request);
    }
    return reply;
}

static void on_stop(uv_async_t *handle) {
    uv_stop(handle->loop);
}

static void set_up(void) {
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    temp_dir_make(dir);
    temp_path(dir, "door", path);
    memset(error, 0, sizeof error);
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(uv_async_init(&loop, &stop, on_stop), 0);
}

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void tear_down(void) {
    uv_walk(&loop, close_handle, NULL);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
    }
    cr_assert_eq(uv_loop_close(&loop), 0);
    temp_dir_remove(dir);
}

#define Local_Test(name) Test(local, name, .init = set_up, .fini = tear_down)

static enum gw_status open_door(void) {
    return local_open(&loop, path, answer, NULL, &local, error);
}

static void *run(void *context) {
    (void)context;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return NULL;
}

static void serve(void) {
    cr_assert_eq(open_door(), GW_OK, "%s", error);
    cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

/* Lets what is under way end, then the loop stands still. */
static void stop_serving(void) {
    cr_assert_eq(uv_async_send(&stop), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static struct sockaddr_un door_address(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert_lt(strlen(path), sizeof address.sun_path);
    strcpy(address.sun_path, path);
    return address;
}

static int dial(void) {
    const struct sockaddr_un address = door_address();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t len) {
    cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* All that comes until the door closes. */
static size_t hear(int fd, char *text, size_t cap) {
    size_t len = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&wait, 1, GENEROUS_MS), 1, "the door neither answers nor closes");
        const ssize_t got = recv(fd, text + len, cap - 1 - len, 0);
        if (got <= 0) { /* a reset is an end as well: unread bytes were thrown away */
            text[len] = '\0';
            return len;
        }
        len += (size_t)got;
        cr_assert_lt(len, cap - 1);
    }
}

static void ask(const char *request, const char *want) {
    char text[8192];
    const int fd = dial();
    say(fd, request, strlen(request));
    (void)hear(fd, text, sizeof text);
    cr_assert_str_eq(text, want);
    close(fd);
}

/* Those who have just gone count as inside until the loop has seen it: asks again while turned
 * away. */
static void ask_after_others(void) {
    for (int i = 0; i < GENEROUS_MS / 5; i++) {
        char text[100];
        const int fd = dial();
        (void)!send(fd, "after them\n", 11, MSG_NOSIGNAL);
        const size_t len = hear(fd, text, sizeof text);
        close(fd);
        if (len > 0) {
            cr_assert_str_eq(text, "10 0 after them\n");
            return;
        }
        usleep(5000);
    }
    cr_assert_fail("never answered again");
}

/* --- asking --------------------------------------------------------------------------------
 */

Local_Test(a_line_is_answered_with_a_line_and_the_door_closes) {
    serve();
    ask("{\"query\":\"status\"}\n", "18 0 {\"query\":\"status\"}\n");
    ask("x\n", "1 0 x\n");
    ask("\n", "0 0 \n");
    cr_assert_eq(atomic_load(&answered), 3);
    stop_serving();
}

Local_Test(a_request_may_come_in_pieces) {
    char text[100];
    serve();
    const int fd = dial();
    const char request[] = "hello\n";
    for (size_t i = 0; i < 6; i++) {
        say(fd, request + i, 1);
        usleep(2000);
    }
    (void)hear(fd, text, sizeof text);
    cr_assert_str_eq(text, "5 0 hello\n");
    close(fd);
    stop_serving();
}

Local_Test(what_follows_the_first_line_is_not_looked_at) {
    serve();
    ask("one\ntwo\nthree\n", "3 0 one\n");
    cr_assert_eq(atomic_load(&answered), 1);
    stop_serving();
}

Local_Test(a_zero_byte_does_not_cut_a_request_short) {
    char text[100];
    serve();
    const int fd = dial();
    say(fd, "a\0b\n", 4);
    cr_assert_gt(hear(fd, text, sizeof text), 0);
    cr_assert_eq(strncmp(text, "3 1 ", 4), 0, "three bytes, one of them zero");
    close(fd);
    stop_serving();
}

Local_Test(a_request_of_4096_bytes_is_answered_and_a_longer_one_is_not) {
    static char request[LOCAL_REQUEST_MAX + 200];
    static char text[8192];
    memset(request, 'r', sizeof request);
    serve();
    request[LOCAL_REQUEST_MAX - 1] = '\n';
    int fd = dial();
    say(fd, request, LOCAL_REQUEST_MAX);
    cr_assert_gt(hear(fd, text, sizeof text), 4095);
    cr_assert_eq(strncmp(text, "4095 0 rrr", 10), 0);
    close(fd);

    request[LOCAL_REQUEST_MAX - 1] = 'r';
    request[LOCAL_REQUEST_MAX] = '\n';
    fd = dial();
    say(fd, request, LOCAL_REQUEST_MAX + 1);
    cr_assert_eq(hear(fd, text, sizeof text), 0, "hung up without an answer");
    close(fd);
    cr_assert_eq(atomic_load(&answered), 1);
    ask("still there\n", "11 0 still there\n");
    stop_serving();
}

Local_Test(a_client_that_goes_without_asking_harms_nobody) {
    serve();
    for (int i = 0; i < 50; i++) {
        const int fd = dial();
        if (i % 2) { /* the door may be full and have hung up already */
            (void)!send(fd, "half a req", 10, MSG_NOSIGNAL);
        }
        close(fd);
    }
    ask_after_others();
    stop_serving();
}

Local_Test(a_client_that_goes_before_the_answer_harms_nobody) {
    serve();
    for (int i = 0; i < 50; i++) {
        const int fd = dial();
        (void)!send(fd, "gone\n", 5, MSG_NOSIGNAL);
        close(fd);
    }
    ask_after_others();
    stop_serving();
}

Local_Test(a_client_that_only_stops_writing_gets_its_answer) {
    char text[100];
    serve();
    const int fd = dial();
    say(fd, "last words\n", 11);
    cr_assert_eq(shutdown(fd, SHUT_WR), 0);
    (void)hear(fd, text, sizeof text);
    cr_assert_str_eq(text, "10 0 last words\n");
    close(fd);
    stop_serving();
}

Local_Test(eight_may_be_inside_and_a_ninth_is_turned_away) {
    int fds[LOCAL_CLIENTS_MAX];
    char text[100];
    serve();
    for (size_t i = 0; i < LOCAL_CLIENTS_MAX; i++) {
        fds[i] = dial();
    }
    const int ninth = dial();
    cr_assert_eq(hear(ninth, text, sizeof text), 0);
    close(ninth);
    for (size_t i = 0; i < LOCAL_CLIENTS_MAX; i++) {
        say(fds[i], "in\n", 3);
        (void)hear(fds[i], text, sizeof text);
        cr_assert_str_eq(text, "2 0 in\n");
        close(fds[i]);
    }
    ask("room again\n", "10 0 room again\n");
    stop_serving();
}

Local_Test(no_memory_for_an_answer_closes_the_door_only) {
    serve();
    atomic_store(&has_no_memory, true);
    ask("x\n", "");
    atomic_store(&has_no_memory, false);
    ask("x\n", "1 0 x\n");
    stop_serving();
}

Local_Test(many_clients_at_once_all_get_their_own_answer) {
    serve();
    for (int round = 0; round < 20; round++) {
        int fds[4];
        for (int i = 0; i < 4; i++) {
            fds[i] = dial();
        }
        for (int i = 3; i >= 0; i--) {
            char request[16];
            const int len = snprintf(request, sizeof request, "c%d\n", i);
            say(fds[i], request, (size_t)len);
        }
        for (int i = 0; i < 4; i++) {
            char text[100];
            char want[16];
            (void)snprintf(want, sizeof want, "2 0 c%d\n", i);
            (void)hear(fds[i], text, sizeof text);
            cr_assert_str_eq(text, want);
            close(fds[i]);
        }
    }
    stop_serving();
}

/* --- the socket itself ---------------------------------------------------------------------
 */

Local_Test(the_socket_is_for_its_owner_alone_and_the_umask_stays) {
    struct stat info;
    umask(0);
    cr_assert_eq(open_door(), GW_OK, "%s", error);
    cr_assert_eq(umask(022), 0, "as it was before");
    cr_assert_eq(lstat(path, &info), 0);
    cr_assert(S_ISSOCK(info.st_mode));
    cr_assert_eq(info.st_mode & 07777, 0600, "%o", info.st_mode);
}

Local_Test(closing_removes_the_socket) {
    cr_assert_eq(open_door(), GW_OK, "%s", error);
    cr_assert_eq(access(path, F_OK), 0);
    local_close(local);
    cr_assert_neq(access(path, F_OK), 0);
}

/* A socket nobody listens at any more, as a killed process leaves it. */
static void leave_stale(void) {
    const struct sockaddr_un address = door_address();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1), 0);
    close(fd);
    cr_assert_eq(access(path, F_OK), 0);
}

Local_Test(a_stale_socket_is_replaced) {
    leave_stale();
    serve();
    ask("x\n", "1 0 x\n");
    stop_serving();
}

Local_Test(a_live_socket_is_left_to_its_owner) {
    struct local *second = NULL;
    serve();
    cr_assert_eq(local_open(&loop, path, answer, NULL, &second, error), GW_EBUSY);
    cr_assert_null(second);
    cr_assert_not_null(strstr(error, path), "%s", error);
    ask("still mine\n", "10 0 still mine\n");
    stop_serving();
}

Local_Test(a_plain_file_is_not_touched) {
    char text[16] = "";
    temp_write(path, "precious", 8, 0644);
    cr_assert_eq(open_door(), GW_EPERMISSION);
    cr_assert_not_null(strstr(error, path), "%s", error);
    cr_assert_eq(temp_read(path, text, sizeof text), 8);
    cr_assert_eq(memcmp(text, "precious", 8), 0);
}

Local_Test(a_directory_or_a_link_is_not_touched) {
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(open_door(), GW_EPERMISSION);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(symlink("/nonexistent/metergate", path), 0);
    cr_assert_eq(open_door(), GW_EPERMISSION);
    struct stat info;
    cr_assert_eq(lstat(path, &info), 0);
    cr_assert(S_ISLNK(info.st_mode));
}

/* Asks as another user; what the door says to it: bytes of answer, or 100 when it does not
 * even get to the door. Only calls that are safe after fork beside a thread. */
static int ask_as_another_user(void) {
    const struct sockaddr_un address = door_address();
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        char text[50];
        if (setresuid(12345, 12345, 12345) != 0) {
            _exit(101);
        }
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            _exit(100);
        }
        (void)!send(fd, "x\n", 2, MSG_NOSIGNAL);
        const ssize_t got = recv(fd, text, sizeof text, 0);
        _exit(got > 0 ? (int)got : 0);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Local_Test(another_user_does_not_get_in_even_when_the_mode_is_loosened) {
    if (geteuid() != 0) {
        cr_skip_test("only root can be somebody else");
    }
    serve();
    cr_assert_eq(chmod(dir, 0755), 0);
    cr_assert_eq(ask_as_another_user(), 100, "the mode keeps it out");
    cr_assert_eq(chmod(path, 0666), 0);
    cr_assert_eq(ask_as_another_user(), 0, "connected, and hung up on");
    cr_assert_eq(atomic_load(&answered), 0);
    ask("x\n", "1 0 x\n");
    stop_serving();
}

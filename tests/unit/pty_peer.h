/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pty pair, and a thread that plays a script at its far end.
 *
 *   line under test <-> slave | master <-> peer: expect, wait, send, flood, hang up
 */
#ifndef TESTS_UNIT_PTY_PEER_H
#define TESTS_UNIT_PTY_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PTY_PATH_MAX = 64, PEER_SCRIPT_MAX = 16 };

struct pty {
    int master;
    int slave; /* held open, so that the master never sees a hang-up of its own */
    char path[PTY_PATH_MAX];
};

/* Ends the test when there is no pty. */
void pty_open(struct pty *pty);
void pty_hang_up(struct pty *pty); /* closes the master: the adapter is pulled out */
void pty_close(struct pty *pty);

enum step_kind {
    STEP_END,     /* the script is over */
    STEP_EXPECT,  /* waits for these bytes; anything else is counted as unexpected */
    STEP_WAIT,    /* milliseconds */
    STEP_SEND,    /* these bytes at once */
    STEP_FLOOD,   /* these bytes again and again, until the peer is stopped */
    STEP_HANG_UP, /* closes the master */
};

struct step {
    enum step_kind kind;
    int wait_ms;
    const char *hex; /* "01 03 .." */
};

#define EXPECT(text)                                                                           \
    { STEP_EXPECT, 0, text }
#define WAIT(ms)                                                                               \
    { STEP_WAIT, ms, NULL }
#define SEND(text)                                                                             \
    { STEP_SEND, 0, text }
#define FLOOD(text)                                                                            \
    { STEP_FLOOD, 0, text }
#define HANG_UP                                                                                \
    { STEP_HANG_UP, 0, NULL }

struct peer {
    struct pty *pty;
    const struct step *script;
    pthread_t thread;
    atomic_bool is_stopped;
    atomic_int unexpected; /* requests that were not the expected bytes */
    atomic_int expected;   /* those that were */
};

/* The script ends with STEP_END and outlives the peer. */
void peer_start(struct peer *peer, struct pty *pty, const struct step *script);
/* Stops and joins. */
void peer_stop(struct peer *peer);

/* "01 03" -> bytes; returns how many. */
size_t bytes_of(const char *hex, uint8_t *out, size_t cap);

#endif

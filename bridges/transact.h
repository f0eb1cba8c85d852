/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply on a line; the only code that touches the wire.
 *
 *   silence | flush | request | ...turnaround... | reply | silence
 *
 * A reply is accepted only if it is complete by its declared length, its checksum holds and it
 * matches the one outstanding request. Whatever else comes is dropped and counted, and the
 * wait goes on to the one deadline. After a request that got no accepted reply its address is
 * in quarantine: nothing is asked of it until its answer can no longer be on its way, so that
 * a late answer is never taken for the next one. Other addresses go on meanwhile.
 *
 * Belongs to the thread of its line. Allocates nothing.
 */
#ifndef BRIDGES_TRANSACT_H
#define BRIDGES_TRANSACT_H

#include "bridges/bridge.h"
#include "bridges/line.h"

enum {
    TRANSACT_QUARANTINES_MAX = 64,
    /* an answer may come this many timeouts after the request; then it is no longer awaited */
    TRANSACT_LATEST_ANSWER = 4
};

struct transact_counts {
    uint64_t requests;
    uint64_t replies;     /* accepted */
    uint64_t timeouts;    /* nothing accepted came */
    uint64_t damaged;     /* requests whose answer failed its checksum */
    uint64_t foreign;     /* whole frames that answered something else */
    uint64_t noise_bytes; /* bytes that were no part of an accepted or foreign frame */
    uint64_t busy_us;     /* the line was in use, with the rests that belong to it */
};

struct quarantine {
    struct meter_address address;
    int64_t until_us;
};

struct transact {
    struct line *line;
    bool has_echo; /* the line gives back what is sent; configured, never guessed */
    struct line_settings settings; /* in force; baud 0 = none yet */
    int64_t quiet_at_us;           /* no request before this */
    struct quarantine quarantines[TRANSACT_QUARANTINES_MAX];
    size_t quarantine_count;
    struct transact_counts counts;
};

void transact_init(struct transact *transact, struct line *line);

/* Goes on with another line (the port was opened again); quarantines stay. */
void transact_relink(struct transact *transact, struct line *line);

/* When may this address be asked again? A past moment if it may now. */
int64_t transact_free_at_us(const struct transact *transact,
                            const struct meter_address *address);

/*
 * Sends the request and waits for its reply. Waits out the address's quarantine first.
 * BRIDGE_OK: the reply stands in frame[0, *len), nothing where nobody answers. BRIDGE_ETIMEOUT:
 * nothing came; BRIDGE_ECHECKSUM: what came was damaged; BRIDGE_EMISMATCH: only strangers'
 * frames came; BRIDGE_EBABBLE: the line does not fall silent, before the request (then nothing
 * was sent) or after it; BRIDGE_EECHO: a line with echo gave back something else; BRIDGE_EGONE,
 * BRIDGE_EPORT: the line. frame holds at least BRIDGE_FRAME_MAX bytes.
 */
MUST_CHECK enum bridge_status transact_run(struct transact *transact,
                                           const struct line_settings *settings,
                                           const struct bridge *bridge,
                                           const struct exchange *exchange, uint8_t *frame,
                                           size_t *len);

/*
 * Sends the request and takes down all that comes within the whole window in which an answer
 * may begin, and on from there until the line has been silent for gap_us: what a search needs,
 * to which several may answer at once. Nothing is put into quarantine. BRIDGE_OK: *len bytes,
 * none when nobody answered; what does not fit is dropped. Else as transact_run. heard holds at
 * least BRIDGE_FRAME_MAX bytes.
 */
MUST_CHECK enum bridge_status transact_listen(struct transact *transact,
                                              const struct line_settings *settings,
                                              const struct exchange *exchange, int64_t gap_us,
                                              uint8_t *heard, size_t *len);

#endif

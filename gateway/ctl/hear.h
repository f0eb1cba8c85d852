/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes apart and prints one message of a gateway. Broken or foreign messages are said on
 * stderr and forgotten.
 */
#ifndef GATEWAY_CTL_HEAR_H
#define GATEWAY_CTL_HEAR_H

#include <stdbool.h>

#include "gateway/ctl/link.h"
#include "gateway/ctl/names.h"
#include "gateway/sync/wire.h"

struct ear {
    const char *operator_id;
    bool as_json;
    struct names names;
    struct wire_scratch scratch;
    struct wire_scratch event_scratch; /* for a record, while its batch lies in the other */
    union {
        struct wire_record record;
        struct wire_records records;
        struct wire_now now;
        struct wire_birth birth;
        struct wire_heartbeat heartbeat;
        struct wire_state state;
    } in; /* the message that was heard last */
};

/* On the heap, as it is large; NULL without memory. operator_id must outlive it. */
struct ear *ear_new(const char *operator_id, bool as_json);
void ear_free(struct ear *ear);

enum heard { HEARD_NOTHING, HEARD_STATE, HEARD_HEARTBEAT, HEARD_OTHER };

enum heard ear_hear(struct ear *ear, const struct link_message *message);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of the store: one at a time, a step between other work.
 */
#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"

enum { STEP_US = 20000 /* 64 pages, 256 KiB, every 20 ms: at most 13 MB in a second */ };

bool hub_snapshot_begin(struct hub *hub, const char *path) {
    struct hub_snapshot *snapshot = &hub->snapshot;
    if (snapshot->copy) {
        return false;
    }
    snapshot->is_done = false;
    snapshot->fault[0] = '\0';
    if (store_snapshot_begin(hub->store, path, &snapshot->copy, snapshot->fault) != GW_OK) {
        snapshot->copy = NULL;
        return false;
    }
    snapshot->begun_us = snapshot->due_us = clock_mono_us(hub->clock);
    log_info("a snapshot begins", "file=%s", path);
    return true;
}

int64_t hub_snapshot_work(struct hub *hub) {
    struct hub_snapshot *snapshot = &hub->snapshot;
    const int64_t now_us = clock_mono_us(hub->clock);
    bool is_done = false;
    if (!snapshot->copy || now_us < snapshot->due_us) {
        return snapshot->copy ? snapshot->due_us : HUB_NEVER;
    }
    if (store_snapshot_step(snapshot->copy, &is_done, snapshot->fault) != GW_OK) {
        log_warn("a snapshot failed", "error=\"%s\"", snapshot->fault);
        hub_snapshot_end(hub);
    } else if (is_done) {
        log_info("a snapshot is whole", "took_ms=%lld",
                 (long long)(now_us - snapshot->begun_us) / 1000);
        snapshot->is_done = true;
        hub_snapshot_end(hub);
    }
    snapshot->due_us = now_us + STEP_US;
    return snapshot->copy ? snapshot->due_us : HUB_NEVER;
}

void hub_snapshot_end(struct hub *hub) {
    store_snapshot_end(hub->snapshot.copy);
    hub->snapshot.copy = NULL;
}

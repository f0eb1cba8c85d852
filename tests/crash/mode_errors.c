/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the disk fails, once and for ever, in every way it can; every allocation
 * likewise. Then the cause is gone and the product starts again: with nothing lost, by itself.
 */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/base/status.h"
#include "tests/crash/modes.h"

enum { LABEL_BYTES = 160, AFTER_CYCLES = 2 };

static const struct flow_chain chains[FLOW_STARTS] = {
    {.start = FLOW_EMPTY_DISK, .batch_max = 8, .keep_ms = 86400000},
    {.start = FLOW_OLD_SCHEMA, .batch_max = 8, .keep_ms = 86400000}};

static const char *const start_names[FLOW_STARTS] = {"empty", "old"};

/* The cause is gone: it must start and run. Its end is no clean one, which would heal much. */
static void run_sound(struct trial *trial, const struct plan *plan, const char *when) {
    const struct run_plan run = {
        .seed = plan->seed + 1, .cycles = AFTER_CYCLES, .is_left = true};
    disk_arm(trial->disk, NULL);
    const struct ending ending = trial_run(trial, &run);
    if (ending.exit_code != 0 && !ending.is_broken) {
        trial_violated(trial, "the start %s ends with %d", when, ending.exit_code);
    }
}

/* What an administrator is told must be true, and what a service manager is told must make it
 * start again: a disk that fails is neither damage nor a wrong mode. */
static void judge_exit(struct trial *trial, const struct ending *ending) {
    if (ending->exit_code == GW_EXIT_DATA || ending->exit_code == GW_EXIT_PERMISSION) {
        trial_violated(trial, "a failure is called %s",
                       ending->exit_code == GW_EXIT_DATA ? "damage" : "a wrong permission");
    }
}

/* The power goes at once, or only after the next start, which still finds the cache as the
 * failure left it. */
enum aftermath { POWER_CUT, RESTART, AFTERMATHS };

static void settle(struct trial *trial, const struct plan *plan, enum aftermath aftermath) {
    if (aftermath == POWER_CUT) {
        trial_power_cut(trial, DISK_BOTH, plan->seed);
    }
    run_sound(trial, plan,
              aftermath == POWER_CUT ? "after the power cut" : "after the failure");
    if (aftermath == RESTART) {
        trial_power_cut(trial, DISK_BOTH, plan->seed);
    }
    (void)trial_judge(trial);
}

/* --- the disk ---------------------------------------------------------------------------- */

struct failing {
    enum flow_start start;
    struct disk_plan plan;
};

static struct ending run_failing(struct trial *trial, const struct plan *plan,
                                 const struct failing *failing) {
    trial_begin(trial, &chains[failing->start]);
    disk_arm(trial->disk, &failing->plan);
    return trial_run(trial, &(struct run_plan){.seed = plan->seed, .cycles = plan->cycles});
}

static const char *const fault_names[DISK_FAULTS] = {"none",   "cut",   "eio",
                                                     "enospc", "short", "unsync"};

static void fail_once(struct trial *trial, const struct plan *plan,
                      const struct failing *failing, enum aftermath aftermath) {
    char label[LABEL_BYTES];
    (void)snprintf(label, sizeof label,
                   "--errors --seed %" PRIu64 " (%s, %s %s at operation %" PRIu64 ", then %s)",
                   plan->seed, start_names[failing->start],
                   failing->plan.is_sticky ? "always" : "once",
                   fault_names[failing->plan.fault], failing->plan.at,
                   aftermath == RESTART ? "a restart" : "a power cut");
    trial->label = label;
    const struct ending ending = run_failing(trial, plan, failing);
    judge_exit(trial, &ending);
    if (disk_failed(trial->disk) == 0) {
        trial_violated(trial, "the operation was never reached");
    }
    if (!ending.is_broken) {
        settle(trial, plan, aftermath);
    }
    trial->label = "";
}

/* How many operations of a run could fail like this. */
static uint64_t count_operations(struct trial *trial, const struct plan *plan,
                                 const struct failing *failing) {
    struct failing sound = *failing;
    sound.plan.at = 0;
    sound.plan.is_sticky = false;
    const struct ending ending = run_failing(trial, plan, &sound);
    if (ending.exit_code != 0) {
        trial_violated(trial, "nothing fails, and the product ends with %d", ending.exit_code);
    }
    return disk_counted(trial->disk);
}

static void fail_all(struct trial *trial, const struct plan *plan, struct failing *failing) {
    const uint64_t count = count_operations(trial, plan, failing);
    char what[LABEL_BYTES];
    (void)snprintf(what, sizeof what, "errors: %s, %s %s", start_names[failing->start],
                   failing->plan.is_sticky ? "always" : "once",
                   fault_names[failing->plan.fault]);
    for (uint64_t at = 1 + plan->seed % plan->stride; at <= count && !*plan->is_stopped;
         at += plan->stride) {
        failing->plan.at = at;
        const bool is_sync = failing->plan.fault == DISK_UNSYNC;
        if (is_sync || at / plan->stride % AFTERMATHS == POWER_CUT) {
            fail_once(trial, plan, failing, POWER_CUT);
        }
        if (is_sync || at / plan->stride % AFTERMATHS == RESTART) {
            fail_once(trial, plan, failing, RESTART);
        }
        if (plan->progress) {
            plan->progress(trial, what, at, count);
        }
    }
}

void mode_errors(struct trial *trial, const struct plan *plan) {
    for (int start = 0; start < FLOW_STARTS; start++) {
        for (int fault = DISK_EIO; fault < DISK_FAULTS; fault++) {
            for (int sticky = 0; sticky < 2 && !*plan->is_stopped; sticky++) {
                struct failing failing = {.start = (enum flow_start)start,
                                          .plan = {.fault = (enum disk_fault)fault,
                                                   .is_sticky = sticky != 0,
                                                   .machines = DISK_BOTH}};
                fail_all(trial, plan, &failing);
            }
        }
    }
}

/* --- memory ------------------------------------------------------------------------------ */

static void starve_once(struct trial *trial, const struct plan *plan, uint64_t at,
                        bool is_sticky) {
    char label[LABEL_BYTES];
    (void)snprintf(label, sizeof label, "--alloc --seed %" PRIu64 " (%s at %" PRIu64 ")",
                   plan->seed, is_sticky ? "always" : "once", at);
    trial->label = label;
    const struct run_plan starved = {.seed = plan->seed,
                                     .cycles = plan->cycles,
                                     .alloc = {.at = at, .is_sticky = is_sticky}};
    trial_begin(trial, &chains[FLOW_OLD_SCHEMA]);
    const struct ending ending = trial_run(trial, &starved);
    judge_exit(trial, &ending);
    if (trial->alloc->failed == 0) {
        trial_violated(trial, "the allocation was never reached");
    }
    if (!ending.is_broken) {
        settle(trial, plan, (enum aftermath)(at / plan->stride % AFTERMATHS));
    }
    trial->label = "";
}

void mode_alloc(struct trial *trial, const struct plan *plan) {
    trial_begin(trial, &chains[FLOW_OLD_SCHEMA]);
    (void)trial_run(trial, &(struct run_plan){.seed = plan->seed, .cycles = plan->cycles});
    const uint64_t count = trial->alloc->counted;
    trial->checks_leaks = true;
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t at = 1 + plan->seed % plan->stride; at <= count && !*plan->is_stopped;
             at += plan->stride) {
            starve_once(trial, plan, at, sticky != 0);
            if (plan->progress) {
                plan->progress(trial, sticky ? "alloc: always" : "alloc: once", at, count);
            }
        }
    }
    trial->checks_leaks = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts by chance. A chain of them on one disk: each run goes on from what the last cut
 * left, and is cut again, often while it is still starting. Chains differ in what they begin
 * with and how much they store at a time. Now and then only the process dies, and the disk's
 * cache lives on until the next cut.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/crash/dice.h"
#include "tests/crash/disk_vfs.h"
#include "tests/crash/modes.h"

enum {
    CHAIN_MIN = 10,
    CHAIN_SPREAD = 40,
    FIRST_GUESS = 300, /* operations of a run that is not cut */
    TEETH_CUTS_MAX = 400,
    LABEL_BYTES = 160
};

#define DAY_MS INT64_C(86400000)

static const struct flow_chain chains[] = {
    {.start = FLOW_EMPTY_DISK, .batch_max = 8, .keep_ms = 60 * DAY_MS},
    {.start = FLOW_OLD_SCHEMA, .batch_max = 8, .keep_ms = 60 * DAY_MS},
    {.start = FLOW_EMPTY_DISK, .batch_max = 60, .keep_ms = 60 * DAY_MS},
    /* so large that checkpoints come, and what is acknowledged goes */
    {.start = FLOW_EMPTY_DISK, .batch_max = 1000, .keep_ms = 60000},
    /* ... and so short of room that the oldest are thinned out */
    {.start = FLOW_EMPTY_DISK, .batch_max = 1000, .keep_ms = 60 * DAY_MS, .readings_max = 6000},
};

struct chance {
    struct dice dice;
    uint64_t guess; /* how many operations a run has */
};

/* Where the power goes: half of the time anywhere, half of the time early. */
static uint64_t pick_operation(struct chance *chance) {
    uint64_t limit = chance->guess + chance->guess / 8;
    if (dice_once_in(&chance->dice, 2)) {
        limit >>= dice_roll(&chance->dice, 6);
    }
    return 1 + dice_roll(&chance->dice, limit + 1);
}

static struct disk_plan pick_cut(struct chance *chance) {
    static const unsigned machines[] = {DISK_BOTH, DISK_BOTH, DISK_A, DISK_B};
    struct disk_plan cut = {.fault = DISK_CUT};
    cut.machines = machines[dice_roll(&chance->dice, sizeof machines / sizeof *machines)];
    cut.at = pick_operation(chance);
    cut.moment = (enum disk_moment)dice_roll(&chance->dice, 3);
    return cut;
}

static const char *name_machines(unsigned machines) {
    return machines == DISK_A ? "gateway" : machines == DISK_B ? "cloud" : "both";
}

/* Runs until the cut. false: something was broken, the chain ends. */
static bool cut_once(struct trial *trial, const struct plan *plan, struct chance *chance) {
    const struct disk_plan cut = pick_cut(chance);
    const struct run_plan run = {.seed = dice_next(&chance->dice), .cycles = plan->cycles};
    const bool is_kill = dice_once_in(&chance->dice, 5);
    disk_arm(trial->disk, &cut);
    if (plan->only_chain > 0) {
        printf("%s: %s of %s at operation %" PRIu64 "\n", trial->label,
               is_kill ? "kill" : "power cut", name_machines(cut.machines), cut.at);
    }
    const struct ending ending = trial_run(trial, &run);
    if (ending.exit_code != DISK_CUT_EXIT) {
        chance->guess = cut.machines == DISK_BOTH ? disk_counted(trial->disk) : chance->guess;
        if (ending.exit_code != 0 && !ending.is_broken) {
            trial_violated(trial, "a sound disk, and the product ends with %d",
                           ending.exit_code);
            return false;
        }
    }
    if (is_kill) {
        trial->tally.kills++;
    } else {
        trial_power_cut(trial, cut.machines, run.seed);
    }
    return trial_judge(trial) && !ending.is_broken && ending.exit_code != -1;
}

static void run_chain(struct trial *trial, const struct plan *plan, uint64_t number,
                      uint64_t cuts_max) {
    struct chance chance = {.dice = dice_for(plan->seed, number), .guess = FIRST_GUESS};
    char label[LABEL_BYTES];
    trial->label = label;
    trial_begin(trial, &chains[number % (sizeof chains / sizeof *chains)]);
    /* what is large is judged slowly */
    const uint64_t spread = trial->chain.batch_max > 100 ? CHAIN_MIN : CHAIN_SPREAD;
    const uint64_t end = trial->tally.cuts + CHAIN_MIN + dice_roll(&chance.dice, spread);
    for (uint64_t step = 1;
         trial->tally.cuts < end && trial->tally.cuts < cuts_max && !*plan->is_stopped;
         step++) {
        (void)snprintf(label, sizeof label,
                       "--cuts %u --seed %" PRIu64 " --chain %" PRIu64 " (step %" PRIu64 ")",
                       CHAIN_MIN + CHAIN_SPREAD, plan->seed, number, step);
        if (!cut_once(trial, plan, &chance)) {
            break;
        }
        if (plan->progress) {
            plan->progress(trial, "cuts", trial->tally.cuts, cuts_max);
        }
    }
    trial->label = "";
}

void mode_cuts(struct trial *trial, const struct plan *plan) {
    if (plan->only_chain > 0) {
        run_chain(trial, plan, plan->only_chain, UINT64_MAX);
        return;
    }
    for (uint64_t number = 1; trial->tally.cuts < plan->cuts && !*plan->is_stopped; number++) {
        run_chain(trial, plan, number, plan->cuts);
    }
}

/* --- would a loss be seen? --------------------------------------------------------------- */

static void bite(struct trial *trial, const struct plan *plan, enum disk_care care,
                 const char *name) {
    const struct tally before = trial->tally;
    trial->is_quiet = true;
    (void)disk_force_care(care);
    for (uint64_t number = 1; trial->tally.lost == before.lost && !*plan->is_stopped &&
                              trial->tally.cuts < before.cuts + TEETH_CUTS_MAX;
         number++) {
        run_chain(trial, plan, number, before.cuts + TEETH_CUTS_MAX);
    }
    (void)disk_force_care(DISK_CARE_AS_TOLD);
    trial->is_quiet = false;
    const uint64_t cuts = trial->tally.cuts - before.cuts;
    const uint64_t lost = trial->tally.lost - before.lost;
    trial->tally = before; /* what was broken on purpose is no violation */
    if (lost == 0 && !*plan->is_stopped) {
        trial_violated(trial, "synchronous=%s, and no loss was seen in %" PRIu64 " cuts", name,
                       cuts);
    } else {
        printf("teeth: synchronous=%s: the first loss seen after %" PRIu64 " cuts\n", name,
               cuts);
    }
}

void mode_teeth(struct trial *trial, const struct plan *plan) {
    bite(trial, plan, DISK_CARE_NORMAL, "NORMAL");
    bite(trial, plan, DISK_CARE_OFF, "OFF");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/log.h"
#include "gateway/hub/hub_state.h"
#include "tests/lab/lab_money.h"

enum {
    HEADEND_COMMIT_MS = 200,
    BUILT_BEFORE_MS = 86400000 /* the floor: the program was built a day before the start */
};

/* 2027-03-01T00:00:00Z: later than any build of this program needs to know of. */
static const int64_t start_utc_ms = 1803859200000;

/* --- time -------------------------------------------------------------------------------- */

static int64_t read_mono_us(void *context) {
    return ((const struct lab *)context)->now_us;
}

static int64_t read_wall_ms(void *context) {
    const struct lab *lab = context;
    return lab->wall_from_ms + lab->now_us / 1000;
}

static bool read_synced(void *context) {
    return ((const struct lab *)context)->is_synced;
}

struct lab *lab_of(const struct clock *clock) {
    return clock->context;
}

static void init_clock(struct lab *lab, struct clock *clock) {
    clock_init_driven(clock, read_mono_us, read_wall_ms, read_synced, lab,
                      lab->wall_from_ms - BUILT_BEFORE_MS);
}

uint64_t lab_random(struct lab *lab, uint64_t below) {
    return sim_random(&lab->random, below);
}

/* --- files ------------------------------------------------------------------------------- */

static void path_of(const struct lab *lab, const char *name, char *path) {
    (void)snprintf(path, LAB_PATH_MAX, "%s/%s", lab->config.folder, name);
}

static void place(const struct lab *lab, const char *wanted, const char *name, char *path) {
    if (wanted) {
        (void)snprintf(path, LAB_PATH_MAX, "%s", wanted);
    } else {
        path_of(lab, name, path);
    }
}

void lab_store_path(const struct lab *lab, char *path) {
    place(lab, lab->config.store, "gateway.db", path);
}

static FILE *create(struct lab *lab, const char *name) {
    char path[LAB_PATH_MAX];
    path_of(lab, name, path);
    FILE *file = fopen(path, "we");
    if (!file) {
        (void)snprintf(lab->error, sizeof lab->error, "%.150s: cannot be written", path);
    }
    return file;
}

static void write_buses(const struct lab *lab, FILE *file) {
    if (lab->config.site) {
        (void)fputs(lab->config.site, file);
        return;
    }
    (void)fprintf(file, "buses:\n");
    for (size_t b = 0; b < lab->config.buses; b++) {
        (void)fprintf(file, "  - id: bus-%zu\n    line: memory:bus-%zu:9600:8N1\n    meters:\n",
                      b + 1, b + 1);
        for (size_t m = 0; m < lab->config.meters; m++) {
            (void)fprintf(
                file, "      - {id: flat-%zu-%zu, model: %s, address: %zu, period: %llds}\n",
                b + 1, m + 1, lab->config.model, m + 1, (long long)lab->config.period_s);
        }
    }
}

static bool write_building(struct lab *lab) {
    FILE *file = create(lab, "building.yaml");
    if (!file) {
        return false;
    }
    (void)fprintf(file, "models: %s\nturnaround: 5ms\n", lab->config.models);
    write_buses(lab, file);
    (void)fputs(lab->config.script, file);
    return fclose(file) == 0;
}

static void write_key(const struct lab *lab, FILE *file) {
    (void)fprintf(file, "  keys:\n    - {id: %u, role: sync, public: ", lab->key.key_id);
    for (size_t i = 0; i < sizeof lab->key.public_key; i++) {
        (void)fprintf(file, "%02x", lab->key.public_key[i]);
    }
    (void)fprintf(file, "}\n");
}

static bool write_gateway(struct lab *lab) {
    const bool has_money = lab_has_money(lab);
    const char *zone = has_money ? "Asia/Shanghai" : lab->config.zone;
    char store[LAB_PATH_MAX];
    FILE *file = create(lab, "gateway.yaml");
    if (!file) {
        return false;
    }
    lab_store_path(lab, store);
    (void)fprintf(file,
                  "gateway: {operator: lab, site: house, id: gw-1, models: %s, log_level: "
                  "error, signing_key: %s/gateway.key%s%s%s%s%s}\nstore:\n  path: %s\n  "
                  "min_free_mib: 16\n%s"
                  "sync:\n  broker: mqtt://127.0.0.1\n  plaintext_on_loopback: true\n"
                  "  backfill_delay: 10s\n",
                  lab->config.models, lab->config.folder, zone ? ", zone: " : "",
                  zone ? zone : "", has_money ? ", tariffs: " : "",
                  has_money ? lab->config.models : "", has_money ? LAB_TARIFFS : "", store,
                  lab->config.gateway);
    write_key(lab, file);
    write_buses(lab, file);
    if (has_money) {
        lab_write_accounts(lab, file);
    }
    return fclose(file) == 0;
}

/* --- opening ----------------------------------------------------------------------------- */

static bool open_building(struct lab *lab) {
    char path[LAB_PATH_MAX];
    char error[LINE_ERROR_MAX] = "";
    struct fault_list faults;
    path_of(lab, "building.yaml", path);
    faults_init(&faults);
    bool good = sim_building_load(&lab->sim.building, path, &faults);
    if (!good && faults.count > 0) {
        (void)snprintf(lab->error, sizeof lab->error, "%.180s", faults.lines[0]);
    }
    faults_done(&faults);
    init_clock(lab, &lab->sim.clock);
    lab->sim.seed = lab->config.seed;
    lab->sim.era.speed = 1;
    if (good && !sim_open(&lab->sim, error)) {
        (void)snprintf(lab->error, sizeof lab->error, "%.180s", error);
        good = false;
    }
    lab->script.due_us = sim_script_due_us(&lab->sim);
    return good;
}

bool lab_open(struct lab *lab, const struct lab_config *config) {
    *lab = (struct lab){.config = *config,
                        .now_us = config->start_us,
                        .wall_from_ms = start_utc_ms,
                        .is_synced = true,
                        .random = config->seed,
                        .gateway.due_us = LAB_NEVER,
                        .cloud.due_us = LAB_NEVER};
    if (seal_init() != GW_OK) {
        return false;
    }
    log_set_level(LOG_LEVEL_ERROR);
    init_clock(lab, &lab->clock);
    lab_link_init(lab);
    seal_generate(1, SEAL_SYNC, &lab->key);
    return write_building(lab) && write_gateway(lab) && open_building(lab);
}

void lab_close(struct lab *lab) {
    lab_kill_gateway(lab);
    lab_stop_headend(lab);
    lab_link_done(lab);
    sim_close(&lab->sim);
    sim_building_done(&lab->sim.building);
}

/* --- the gateway ------------------------------------------------------------------------- */

static void wake_gateway(void *context) {
    struct lab *lab = context;
    if (lab->now_us < lab->gateway.due_us) {
        lab->gateway.due_us = lab->now_us;
    }
}

enum gw_status lab_start_gateway(struct lab *lab) {
    char path[LAB_PATH_MAX];
    struct fault_list faults;
    struct settings *settings = NULL;
    path_of(lab, "gateway.yaml", path);
    faults_init(&faults);
    enum gw_status status = settings_load(path, &faults, &settings);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status != GW_OK) {
        return status;
    }
    struct hub_config config = {.path = path,
                                .settings = settings,
                                .clock = &lab->clock,
                                .wake = wake_gateway,
                                .context = lab};
    for (size_t i = 0; i < sizeof config.boot_id; i++) {
        config.boot_id[i] = (uint8_t)lab_random(lab, 256);
    }
    lab->gateway = (struct lab_actor){.at_us = lab->now_us, .due_us = lab->now_us};
    lab->has_ended = false;
    status = hub_open(&config, &lab->hub);
    lab->gateway.due_us = status == GW_OK ? lab->now_us : LAB_NEVER;
    return status;
}

static void forget_gateway(struct lab *lab) {
    hub_free(lab->hub);
    lab->hub = NULL;
    lab->gateway.due_us = LAB_NEVER;
}

void lab_stop_gateway(struct lab *lab) {
    if (lab->hub) {
        hub_close(lab->hub);
        forget_gateway(lab);
    }
}

/* A hub that has ended stores nothing more, and one whose link is down says nothing more. */
void lab_kill_gateway(struct lab *lab) {
    if (lab->hub) {
        lab->hub->has_ended = true;
        lab->hub->is_up = false;
        lab_stop_gateway(lab);
    }
}

static void act_gateway(struct lab *lab) {
    lab->gateway.due_us = LAB_NEVER; /* wake_gateway may set it meanwhile */
    const int64_t due_us = hub_work(lab->hub);
    lab->gateway.due_us = due_us < lab->gateway.due_us ? due_us : lab->gateway.due_us;
    lab->has_ended = hub_has_ended(lab->hub, &lab->exit_code);
}

/* --- the head-end ------------------------------------------------------------------------ */

enum gw_status lab_start_headend(struct lab *lab) {
    char error[MIRROR_ERROR_MAX] = "";
    place(lab, lab->config.mirror, "mirror.db", lab->mirror_path);
    lab->mirror_config = (struct mirror_config){
        .path = lab->mirror_path, .min_free_mib = 16, .clock = &lab->clock};
    struct headend_config config = {.operator_id = "lab",
                                    .commit_every_ms = HEADEND_COMMIT_MS,
                                    .signing_key = lab->key,
                                    .clock = &lab->clock,
                                    .publish = lab_link_publish,
                                    .context = lab};
    enum gw_status status = mirror_open(&lab->mirror_config, &lab->mirror, error);
    if (status == GW_OK) {
        config.mirror = lab->mirror;
        status = headend_new(&config, &lab->headend);
    }
    status = status == GW_OK ? headend_link_up(lab->headend) : status;
    if (status != GW_OK) {
        (void)snprintf(lab->error, sizeof lab->error, "%.180s", error);
        lab_stop_headend(lab);
        return status;
    }
    lab->cloud = (struct lab_actor){.at_us = lab->now_us, .due_us = lab->now_us};
    lab->cloud_status = GW_OK;
    return GW_OK;
}

void lab_stop_headend(struct lab *lab) {
    headend_free(lab->headend);
    mirror_close(lab->mirror);
    lab->headend = NULL;
    lab->mirror = NULL;
    lab->cloud.due_us = LAB_NEVER;
}

static void act_headend(struct lab *lab) {
    if (lab->cloud_status == GW_OK) {
        lab->cloud_status = headend_tick(lab->headend);
        lab->cloud.due_us = lab->now_us + headend_wait_ms(lab->headend) * 1000;
    }
}

/* --- everybody --------------------------------------------------------------------------- */

enum who { NOBODY, SCRIPT, GATEWAY, CLOUD, LINK, BUS };

struct turn {
    enum who who;
    size_t bus;
    int64_t at_us;
};

static void offer(struct turn *turn, enum who who, size_t bus, int64_t at_us) {
    if (at_us < turn->at_us) {
        *turn = (struct turn){.who = who, .bus = bus, .at_us = at_us};
    }
}

static int64_t when(const struct lab_actor *actor) {
    return actor->due_us > actor->at_us ? actor->due_us : actor->at_us;
}

/* Whoever is furthest behind. */
static struct turn next_turn(const struct lab *lab) {
    struct turn turn = {.who = NOBODY, .at_us = LAB_NEVER};
    offer(&turn, SCRIPT, 0, lab->script.due_us);
    offer(&turn, LINK, 0, lab_link_due_us(lab));
    if (lab->hub) {
        offer(&turn, GATEWAY, 0, when(&lab->gateway));
    }
    if (lab->headend) {
        offer(&turn, CLOUD, 0, when(&lab->cloud));
    }
    for (size_t b = 0; b < SITE_BUSES_MAX; b++) {
        if (lab->pollers[b]) {
            offer(&turn, BUS, b, lab_poll_due_us(lab->pollers[b]));
        }
    }
    return turn;
}

static void act(struct lab *lab, const struct turn *turn) {
    lab->now_us = turn->at_us;
    switch (turn->who) {
    case SCRIPT:
        sim_play(&lab->sim);
        lab->script.due_us = sim_script_due_us(&lab->sim);
        break;
    case GATEWAY:
        lab->gateway.at_us = lab->now_us;
        act_gateway(lab);
        break;
    case CLOUD:
        lab->cloud.at_us = lab->now_us;
        act_headend(lab);
        break;
    case LINK:
        lab_link_act(lab);
        break;
    case BUS:
        lab_poll_act(lab, lab->pollers[turn->bus]);
        break;
    case NOBODY:
        break;
    }
}

bool lab_run(struct lab *lab, int64_t until_us) {
    while (!lab->has_ended && lab->cloud_status == GW_OK) {
        const struct turn turn = next_turn(lab);
        if (turn.at_us >= until_us) {
            lab->now_us = until_us;
            return true;
        }
        act(lab, &turn);
    }
    return false;
}

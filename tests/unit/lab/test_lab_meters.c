/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What meters tell of themselves and what becomes of their clocks, with the whole gateway and
 * simulated meters in virtual time: events once, clocks set by their protocol's rules, the time
 * of the meters when there is no other.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hub/hub_state.h"
#include "tests/lab/lab.h"
#include "tests/unit/gateway/temp_dir.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)
#define DAY_MS    INT64_C(86400000)

enum {
    SITE_MAX = 2000,
    TOLD_MAX = 400,
    FIRST = 0,
    SECOND = 1,
    WATER = 2,
    BOARD = 3,
    METERS = 4,
    POLL_S = 10,
    SELDOM_S = 3600 /* where days pass */
};

static char dir[TEMP_PATH_MAX];
static char models[TEMP_PATH_MAX];
static char site[SITE_MAX];
static struct lab *lab;
static char told[TOLD_MAX]; /* "+clock_wrong/0 -clock_wrong/0": as the hub has learnt it */
static uint64_t was[METERS];
static bool has_board; /* in this building */

/* Two electricity meters, one for water and a relay board on one pair of wires. The gateway has
 * the password of the second alone. */
static void build(const char *keys, int period_s, const char *simulation) {
    static const char passwords[] =
        "credentials: [{address: \"151230011061\", password: \"000000\"}]\n";
    static const char board[] =
        "      - {id: board, model: generic-relay-fc05-feedback, address: 9, period: 10s}\n";
    char path[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_path(dir, "passwords.yaml", path);
    temp_write(path, passwords, sizeof passwords - 1, 0600);
    (void)snprintf(models, sizeof models, "%s/config/models", getenv("METERGATE_SOURCE"));
    (void)snprintf(site, sizeof site,
                   "buses:\n"
                   "  - id: bus-1\n"
                   "    line: memory:bus-1\n"
                   "    credentials: passwords.yaml\n"
                   "    %s\n"
                   "    meters:\n"
                   "      - {id: first, model: generic-dlt645-2007-1ph-prepaid,"
                   " address: \"260305510009\", period: %ds}\n"
                   "      - {id: second, model: generic-dlt645-2007-1ph,"
                   " address: \"151230011061\", period: %ds}\n"
                   "      - {id: water, model: generic-cjt188-water-valve,"
                   " address: \"00022026004140\", period: %ds}\n%s",
                   keys, period_s, period_s, period_s, has_board ? board : "");
    const struct lab_config config = {.folder = dir,
                                      .models = models,
                                      .seed = 1,
                                      .site = site,
                                      .script = simulation,
                                      .zone = "Asia/Shanghai",
                                      .gateway = ""};
    lab = calloc(1, sizeof *lab);
    cr_assert(lab_open(lab, &config), "%s", lab->error);
    told[0] = '\0';
    memset(was, 0, sizeof was);
}

static void finish(void) {
    lab_close(lab);
    free(lab);
    temp_dir_remove(dir);
}

static const struct hub_bus *bus(void) {
    return hub_bus_next(lab->hub, NULL);
}

static uint64_t events_of(size_t meter) {
    return meter_watch_bits(&bus()->meters[meter].watch);
}

static void note(size_t meter) {
    const uint64_t now = events_of(meter);
    for (unsigned bit = 0; bit < METER_BITS_MAX; bit++) {
        if ((now ^ was[meter]) >> bit & 1) {
            const size_t len = strlen(told);
            (void)snprintf(told + len, sizeof told - len, "%s%s%s/%zu", len ? " " : "",
                           now >> bit & 1 ? "+" : "-", meter_bit_name(bit), meter);
        }
    }
    was[meter] = now;
}

static void run(int64_t seconds) {
    for (int64_t s = 0; s < seconds; s += 5) {
        cr_assert(lab_run(lab, lab->now_us + 5 * SECOND_US), "exit %d", lab->exit_code);
        for (size_t meter = 0; meter < bus()->site->meter_count; meter++) {
            note(meter);
        }
    }
}

static struct sim_meter *simulated(size_t meter) {
    return &lab->sim.building.meters[meter];
}

/* How far a meter's clock is from what it should show, in whole seconds, from the simulator. */
static int64_t off_s(size_t meter) {
    const struct sim_view view = {
        .meter = simulated(meter), .era = &lab->sim.era, .at_us = lab->now_us};
    const int64_t right_us = lab->sim.era.start_utc_us + lab->now_us -
                             lab->sim.era.start_mono_us + 28800 * SECOND_US;
    return (sim_meter_clock_us(&view) - right_us) / SECOND_US;
}

static void set_fault(size_t meter, enum sim_fault_kind kind) {
    struct sim_order order;
    char why[SIM_WHY_MAX];
    sim_order_init(&order);
    (void)snprintf(order.meter, sizeof order.meter, "%s", bus()->meters[meter].site->id);
    order.kind = (int)kind;
    cr_assert(sim_order_check(&order, why), "%s", why);
    sim_meter_set(simulated(meter), &order, 1, lab->now_us);
}

static void mend(size_t meter) {
    sim_meter_clear(simulated(meter), SIM_NONE);
}

/* "CLOCK_DRIFT first 120; CLOCK_DRIFT cleared first 0; ": the events of meters that are stored,
 * with what they carry. */
static const char *stored(void) {
    static char text[TOLD_MAX];
    static struct store_records records;
    static struct wire_scratch scratch;
    size_t at = 0;
    size_t len = 0;
    text[0] = '\0';
    if (store_read_records(lab->hub->store, STORE_EVENTS, 1, &records) != GW_OK) {
        return text;
    }
    for (size_t i = 0; i < records.count; at += records.len[i++]) {
        struct wire_event event;
        cr_assert_eq(wire_event_decode(records.bytes + at, records.len[i], &scratch, &event),
                     GW_OK);
        if (*event.meter) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s",
                                    wire_event_name(event.code),
                                    event.cleared ? " cleared" : "", event.meter);
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    event.value_count ? " %lld; " : "; ",
                                    (long long)event.values[0]);
        }
    }
    return text;
}

#define EXPECT_TOLD(text) cr_expect_str_eq(told, text, "%s", told)
#define RIGHT(meter)                                                                           \
    cr_expect(llabs(off_s(meter)) <= 2, "meter %d: %lld s", meter, (long long)off_s(meter))

Test(lab_meters, clocks_are_set_by_the_rules_of_their_protocols, .fini = finish) {
    build("writes: true", POLL_S,
          "simulation:\n"
          "  - {meter: first, clock: 28920}\n"   /* 2 minutes ahead */
          "  - {meter: second, clock: 25200}\n"  /* an hour behind */
          "  - {meter: water, clock: 28700}\n"); /* 100 s behind */
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("+clock_wrong/0 +clock_wrong/1 +clock_wrong/2 "
                "-clock_wrong/0 -clock_wrong/1 -clock_wrong/2");
    RIGHT(FIRST);
    RIGHT(SECOND);
    RIGHT(WATER);
    cr_expect_neq(bus()->care.last_broadcast_s, INT64_MIN);
}

Test(lab_meters, without_leave_to_write_they_are_told_alone, .fini = finish) {
    build("writes: false", POLL_S,
          "simulation:\n"
          "  - {meter: first, clock: 28920}\n"
          "  - {meter: second, clock: 28800}\n"
          "  - {meter: water, clock: 28700}\n");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("+clock_wrong/0 +clock_wrong/2");
    cr_expect_str_eq(stored(), "CLOCK_DRIFT first 120; CLOCK_DRIFT water -100; ", "%s",
                     stored());
    cr_expect_eq(off_s(FIRST), 120);
    cr_expect_eq(off_s(WATER), -100);
    /* a restart does not tell it again */
    lab_stop_gateway(lab);
    told[0] = '\0';
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("");
    cr_expect_str_eq(stored(), "CLOCK_DRIFT first 120; CLOCK_DRIFT water -100; ", "%s",
                     stored());
}

/* Another name for a meter in the gateway's configuration. */
static void rename_meter(const char *from, const char *to) {
    static char text[8000];
    char path[TEMP_PATH_MAX];
    temp_path(dir, "gateway.yaml", path);
    text[temp_read(path, text, sizeof text - 1)] = '\0';
    char *at = strstr(text, from);
    cr_assert(at && strlen(from) == strlen(to));
    memcpy(at, to, strlen(to));
    temp_write(path, text, strlen(text), 0600);
}

Test(lab_meters, what_was_told_of_a_meter_ends_with_it_and_begins_anew, .fini = finish) {
    build("writes: false", SELDOM_S,
          "simulation:\n"
          "  - {meter: first, clock: 28800}\n"
          "  - {meter: second, clock: 28800}\n"
          "  - {meter: water, clock: 28700}\n");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    lab_stop_gateway(lab);
    rename_meter("id: water", "id: other");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    cr_expect_str_eq(stored(),
                     "CLOCK_DRIFT water -100; CLOCK_DRIFT cleared water; "
                     "CLOCK_DRIFT other -100; ",
                     "%s", stored());
    lab_stop_gateway(lab);
    rename_meter("id: other", "id: water");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    cr_expect_str_eq(stored(),
                     "CLOCK_DRIFT water -100; CLOCK_DRIFT cleared water; "
                     "CLOCK_DRIFT other -100; CLOCK_DRIFT cleared other; "
                     "CLOCK_DRIFT water -100; ",
                     "%s", stored());
}

Test(lab_meters, a_clock_that_drifts_is_set_each_night_and_once, .fini = finish) {
    build("writes: true", SELDOM_S,
          "simulation:\n"
          "  - {meter: first, clock: 28800, drift: 1000}\n" /* 86 s a day */
          "  - {meter: second, clock: 28800}\n"
          "  - {meter: water, clock: 28800, drift: -700}\n"); /* 60 s a day */
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(2 * 86400);
    EXPECT_TOLD("+clock_wrong/0 +clock_wrong/2 -clock_wrong/0 -clock_wrong/2 "
                "+clock_wrong/0 +clock_wrong/2 -clock_wrong/0 -clock_wrong/2");
    cr_expect(llabs(off_s(FIRST)) < 86 && llabs(off_s(WATER)) < 60);
    RIGHT(SECOND);
}

/* A broadcast is remembered: 5 minutes a day are all that a meter may be moved. */
Test(lab_meters, a_restart_makes_no_second_broadcast_of_a_day, .fini = finish) {
    build("writes: true", POLL_S,
          "simulation:\n"
          "  - {meter: first, clock: 28920}\n"
          "  - {meter: second, clock: 28800}\n"
          "  - {meter: water, clock: 28800}\n");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("+clock_wrong/0 -clock_wrong/0");
    const int64_t first_s = bus()->care.last_broadcast_s;
    lab_stop_gateway(lab);
    simulated(FIRST)->clock_shift_us += 100 * SECOND_US;
    told[0] = '\0';
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("+clock_wrong/0");
    cr_expect_eq(bus()->care.last_broadcast_s, first_s);
    cr_expect(llabs(off_s(FIRST) - 100) <= 2, "%lld", (long long)off_s(FIRST));
}

/* What cannot be remembered is not done, and what cannot be told is told later. */
Test(lab_meters, a_full_disk_holds_broadcasts_and_events_back, .fini = finish) {
    build("writes: true", POLL_S,
          "simulation:\n"
          "  - {meter: first, clock: 28920}\n"
          "  - {meter: second, clock: 28800}\n"
          "  - {meter: water, clock: 28800}\n");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->hub->settings->store.min_free_mib = INT64_C(1) << 30;
    run(120);
    cr_expect(llabs(off_s(FIRST) - 120) <= 2, "%lld", (long long)off_s(FIRST));
    cr_expect_str_eq(stored(), "", "%s", stored());
    lab->hub->settings->store.min_free_mib = 16;
    run(60);
    cr_expect_str_eq(stored(), "CLOCK_DRIFT first 120; ", "%s", stored());
}

/* --- the time of the meters --------------------------------------------------------------- */

/* Starts with a machine whose clock shows this, and no time server. */
static void start_alone(int64_t wall_from_ms) {
    lab->is_synced = false;
    lab->wall_from_ms = wall_from_ms;
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
}

static int64_t ahead_of_truth_ms(void) {
    const int64_t truth_ms =
        (lab->sim.era.start_utc_us + lab->now_us - lab->sim.era.start_mono_us) / 1000;
    return clock_wall(&lab->clock).at_ms - truth_ms;
}

#define WATCHES                                                                                \
    "simulation:\n  - {meter: first, clock: 28810}\n  - {meter: second, clock: 28800}\n"       \
    "  - {meter: water, clock: 28790}\n"

Test(lab_meters, without_rtc_and_network_the_meters_tell_the_time, .fini = finish) {
    build("writes: true", SELDOM_S, WATCHES);
    start_alone(0); /* 1970 */
    run(20);
    cr_expect_eq(clock_wall(&lab->clock).trust, CLOCK_HELD);
    cr_expect(llabs(ahead_of_truth_ms()) < 2500, "%lld ms", (long long)ahead_of_truth_ms());
    EXPECT_TOLD(""); /* and nobody is judged by them */
    run(86400);
    cr_expect_eq(clock_wall(&lab->clock).trust, CLOCK_HELD);
    cr_expect(llabs(ahead_of_truth_ms()) < 2500, "%lld ms", (long long)ahead_of_truth_ms());
    EXPECT_TOLD("");
}

Test(lab_meters, a_machine_that_stood_still_takes_the_time_of_the_meters, .fini = finish) {
    build("writes: true", POLL_S, WATCHES);
    start_alone(lab->wall_from_ms - DAY_MS / 2); /* above the floor of a day ago */
    run(20);
    cr_expect_eq(clock_wall(&lab->clock).trust, CLOCK_HELD);
    cr_expect(llabs(ahead_of_truth_ms()) < 2500, "%lld ms", (long long)ahead_of_truth_ms());
}

Test(lab_meters, meters_that_disagree_tell_nothing, .fini = finish) {
    build("writes: true", POLL_S,
          "simulation:\n  - {meter: first, clock: 28800}\n"
          "  - {meter: second, clock: 32400}\n"
          "  - {meter: water, clock: 36000}\n");
    start_alone(0);
    run(60);
    cr_expect_eq(clock_wall(&lab->clock).trust, CLOCK_UNSET);
}

Test(lab_meters, a_time_server_that_comes_ends_it_and_clocks_are_judged, .fini = finish) {
    build("writes: true", POLL_S,
          "simulation:\n  - {meter: first, clock: 28800}\n"
          "  - {meter: second, clock: 28845}\n"
          "  - {meter: water, clock: 28800}\n");
    const int64_t right_ms = lab->wall_from_ms;
    start_alone(0);
    run(30);
    EXPECT_TOLD("");
    lab->wall_from_ms = right_ms;
    lab->is_synced = true;
    run(120);
    cr_expect_eq(clock_wall(&lab->clock).trust, CLOCK_SYNCED);
    EXPECT_TOLD("+clock_wrong/1 -clock_wrong/1");
    RIGHT(SECOND);
}

/* --- status ------------------------------------------------------------------------------- */

Test(lab_meters, what_meters_say_of_themselves_is_told_once, .fini = finish) {
    build("writes: true", POLL_S, "");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->is_synced = false; /* clocks are another story */
    run(30);
    set_fault(FIRST, SIM_BATTERY);
    set_fault(WATER, SIM_ABNORMAL);
    run(60);
    EXPECT_TOLD("+clock_battery_low/0 +valve_abnormal/2");
    mend(FIRST);
    mend(WATER);
    run(60);
    EXPECT_TOLD(
        "+clock_battery_low/0 +valve_abnormal/2 -clock_battery_low/0 -valve_abnormal/2");
    cr_expect_str_eq(stored(),
                     "BATTERY_LOW first; VALVE_STUCK water; BATTERY_LOW cleared first; "
                     "VALVE_STUCK cleared water; ",
                     "%s", stored());
}

Test(lab_meters, a_relay_that_sticks_is_told_after_half_a_minute, .fini = finish) {
    uint64_t number;
    const char *why = "";
    build("writes: true", POLL_S, "");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->is_synced = false;
    run(30);
    set_fault(SECOND, SIM_STUCK_RELAY);
    cr_assert_eq(hub_order_relay(lab->hub, "second", RELAY_OPEN, &number, &why), GW_OK, "%s",
                 why);
    run(25);
    EXPECT_TOLD("");
    run(95); /* the order looks for a minute, then polls go on */
    EXPECT_TOLD("+relay_mismatch/1");
    mend(SECOND);
    cr_assert_eq(hub_order_relay(lab->hub, "second", RELAY_OPEN, &number, &why), GW_OK, "%s",
                 why);
    run(60);
    EXPECT_TOLD("+relay_mismatch/1 -relay_mismatch/1");
}

/* A board has no status word: the points of its model tell the same. Its output is off at the
 * start, and somebody holds the contactor closed by hand. */
Test(lab_meters, a_contactor_that_is_not_as_its_output_is_told_by_points, .fini = finish) {
    uint64_t number;
    const char *why = "";
    has_board = true;
    build("writes: true", POLL_S, "");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->is_synced = false;
    run(25);
    EXPECT_TOLD("");
    cr_expect(meter_knows(&bus()->meters[BOARD].watch.state, METER_RELAY_OPEN));
    run(35);
    EXPECT_TOLD("+relay_mismatch/3");
    cr_assert_eq(hub_order_relay(lab->hub, "board", RELAY_CLOSE, &number, &why), GW_OK, "%s",
                 why);
    run(30);
    EXPECT_TOLD("+relay_mismatch/3 -relay_mismatch/3");
    cr_expect_str_eq(stored(), "RELAY_MISMATCH board; RELAY_MISMATCH cleared board; ", "%s",
                     stored());
}

Test(lab_meters, a_relay_that_waits_for_its_button_is_as_it_should_be, .fini = finish) {
    uint64_t number;
    const char *why = "";
    build("writes: true", POLL_S, "simulation: [{meter: second, button: 10m}]\n");
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    lab->is_synced = false;
    run(30);
    cr_assert_eq(hub_order_relay(lab->hub, "second", RELAY_OPEN, &number, &why), GW_OK);
    run(90);
    cr_assert_eq(hub_order_relay(lab->hub, "second", RELAY_PERMIT, &number, &why), GW_OK, "%s",
                 why);
    run(300);
    EXPECT_TOLD("+permitted/1");
    lab_stop_gateway(lab);
    cr_assert_eq(lab_start_gateway(lab), GW_OK);
    run(120);
    EXPECT_TOLD("+permitted/1");
    run(300);
    EXPECT_TOLD("+permitted/1 -permitted/1");
}

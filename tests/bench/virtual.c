/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The polling engine in virtual time: bus_step under a driven clock, on a line of this
 * program's own with Modbus slaves at its end. Exact, and minutes take milliseconds.
 *
 *   virtual dead BAUD SLAVES DEAD MINUTES   answers taken in each minute, healthy and with
 *                                           DEAD silent slaves, by us and by a plain client
 *   virtual late                            values of another request that were taken, by us
 *                                           and by a plain client that flushes before it asks
 *   virtual polls MODEL.yaml BAUD REQUESTS  nothing but polls, for callgrind: bus_step without
 *                                           what this program does in its place of a port
 *
 * The plain client is what libmodbus's loop does, with t3.5 kept: it asks one slave after
 * another and waits 500 ms for each, once.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/model.h"
#include "gateway/base/log.h"
#include "gateway/poll/bus.h"
#include "tests/bench/tool.h"

static const char program[] = "virtual";

enum {
    UNITS = 248,
    REGISTERS = 10,
    REGISTERS_MAX = 125,
    REPLY_MAX = 5 + 2 * REGISTERS_MAX,
    REQUEST_BYTES = 8,
    REPLIES_MAX = 64,
    MINUTES_MAX = 60,
    TURNAROUND_US = 5000,
    TIMEOUT_US = 500000,
    MINUTE_US = 60000000,
    MICRO = 1000000,
    LATE_REQUESTS = 200,
    LATE_FROM_US = 510000,
    LATE_STEP_US = 37000,
    LATE_RANGE_US = 1400000
};

static const char model_text[] =
    "{name: B, protocol: modbus, source: bench, line: 9600:8N1, timeout: 500ms, pause: 0ms,\n"
    " max_registers: 125, max_hole: 100, points:\n"
    "  [{quantity: voltage_a, function: 3, register: 0, type: uint16},\n"
    "   {quantity: current_a, function: 3, register: 9, type: uint16}]}\n";

/* A reply on its way: byte i has come when i + 1 characters have passed since its start. */
struct reply {
    int64_t start_us;
    size_t len;
    size_t taken;
    uint8_t bytes[REPLY_MAX];
};

struct world {
    struct line line; /* first: the operations get it back */
    struct clock clock;
    int64_t now_us;
    struct line_settings settings;
    bool is_dead[UNITS];
    bool is_late;    /* unit 1: two of three answers come after the timeout */
    bool is_steady;  /* registers are those of 230.0, float32 */
    uint16_t number; /* of the last request; every register answers with it */
    uint64_t requests;
    struct reply replies[REPLIES_MAX];
    size_t reply_count;
    /* what the client has taken */
    uint64_t taken[MINUTES_MAX];
    uint64_t accepted;
    uint64_t wrong;
    uint64_t readings;
};

static struct world *world_of(struct line *line) {
    return (struct world *)line;
}

static int64_t read_mono_us(void *context) {
    return ((struct world *)context)->now_us;
}

static int64_t read_wall_ms(void *context) {
    return 1767225600000 + ((struct world *)context)->now_us / 1000;
}

static bool read_synced(void *context) {
    (void)context;
    return true;
}

/* --- the line ----------------------------------------------------------------------------- */

static int64_t chars_us(const struct world *world, size_t n) {
    return line_chars_us(&world->settings, n);
}

static int64_t delay_us(const struct world *world, uint8_t unit) {
    if (!world->is_late || unit != 1 || world->requests % 3 == 0) {
        return TURNAROUND_US;
    }
    return LATE_FROM_US + (int64_t)(world->requests * LATE_STEP_US % LATE_RANGE_US);
}

static void answer(struct world *world, const uint8_t *request) {
    static const uint16_t steady[] = {0x4366, 0x0000};
    const size_t registers = request[5];
    if (world->reply_count == REPLIES_MAX) {
        tool_fail(program, "too many answers are on their way");
    }
    struct reply *reply = &world->replies[world->reply_count++];
    reply->start_us = world->now_us + chars_us(world, REQUEST_BYTES) +
                      line_silence_us(&world->settings) + delay_us(world, request[0]);
    reply->len = 5 + 2 * registers;
    reply->taken = 0;
    reply->bytes[0] = request[0];
    reply->bytes[1] = request[1];
    reply->bytes[2] = (uint8_t)(2 * registers);
    for (size_t i = 0; i < registers; i++) {
        const uint16_t value = world->is_steady ? steady[i % 2] : world->number;
        reply->bytes[3 + 2 * i] = (uint8_t)(value >> 8);
        reply->bytes[4 + 2 * i] = (uint8_t)(value & 0xff);
    }
    tool_seal(reply->bytes, reply->len - 2);
}

static enum bridge_status virtual_set(struct line *line, const struct line_settings *settings) {
    world_of(line)->settings = *settings;
    return BRIDGE_OK;
}

static enum bridge_status virtual_write(struct line *line, const uint8_t *buf, size_t len) {
    struct world *world = world_of(line);
    if (len != REQUEST_BYTES || buf[4] != 0 || buf[5] == 0 || buf[5] > REGISTERS_MAX) {
        tool_fail(program, "not the request that was expected");
    }
    world->requests++;
    world->number++;
    if (!world->is_dead[buf[0]]) {
        answer(world, buf);
    }
    return BRIDGE_OK;
}

/* When byte number at of a reply has come. */
static int64_t byte_us(const struct world *world, const struct reply *reply, size_t at) {
    return reply->start_us + chars_us(world, at + 1);
}

/* The reply whose next byte comes first, or NULL. */
static struct reply *first_reply(struct world *world) {
    struct reply *first = NULL;
    for (size_t i = 0; i < world->reply_count; i++) {
        struct reply *reply = &world->replies[i];
        if (!first ||
            byte_us(world, reply, reply->taken) < byte_us(world, first, first->taken)) {
            first = reply;
        }
    }
    return first;
}

static enum bridge_status virtual_read(struct line *line, uint8_t *buf, size_t cap,
                                       int64_t deadline_us, size_t *got) {
    struct world *world = world_of(line);
    struct reply *first = first_reply(world);
    const int64_t until_us = deadline_us > world->now_us ? deadline_us : world->now_us;
    if (!first || byte_us(world, first, first->taken) > until_us) {
        world->now_us = until_us;
        return BRIDGE_ETIMEOUT;
    }
    const int64_t at_us = byte_us(world, first, first->taken);
    world->now_us = at_us > world->now_us ? at_us : world->now_us;
    *got = 0;
    while (*got < cap && first->taken < first->len &&
           byte_us(world, first, first->taken) <= world->now_us) {
        buf[(*got)++] = first->bytes[first->taken++];
    }
    if (first->taken == first->len) {
        *first = world->replies[--world->reply_count];
    }
    return BRIDGE_OK;
}

static void virtual_sleep_until(struct line *line, int64_t until_us) {
    struct world *world = world_of(line);
    world->now_us = until_us > world->now_us ? until_us : world->now_us;
}

static void virtual_close(struct line *line) {
    (void)line; /* the world is the program's */
}

static const struct line_ops virtual_ops = {.set = virtual_set,
                                            .write = virtual_write,
                                            .read = virtual_read,
                                            .sleep_until = virtual_sleep_until,
                                            .close = virtual_close};

/* The opener gets no context of its own: the clock's is the world. */
/* NOLINTBEGIN(readability-non-const-parameter): bus_opener's shape */
static enum bridge_status virtual_open(const char *path, const struct line_options *options,
                                       const struct clock *clock, struct line **out,
                                       char *error) {
    struct world *world = clock->context;
    (void)path;
    (void)options;
    (void)error;
    world->line = (struct line){.ops = &virtual_ops, .clock = clock};
    *out = &world->line;
    return BRIDGE_OK;
}
/* NOLINTEND(readability-non-const-parameter) */

static void world_init(struct world *world, uint32_t baud) {
    *world = (struct world){
        .now_us = MICRO,
        .settings = {.baud = baud, .data_bits = 8, .parity = 'N', .stop_bits = 1}};
    clock_init_driven(&world->clock, read_mono_us, read_wall_ms, read_synced, world, 0);
}

static void note(struct world *world, bool is_right) {
    const int64_t minute = (world->now_us - MICRO) / MINUTE_US;
    world->accepted++;
    world->wrong += !is_right;
    world->taken[minute < MINUTES_MAX ? minute : MINUTES_MAX - 1]++;
}

/* --- the two clients ---------------------------------------------------------------------- */

static void on_mail(void *context, const struct bus_mail *mail) {
    struct world *world = context;
    world->readings += mail->kind == BUS_READING;
    if (mail->kind == BUS_READING && mail->of.reading.point == 0) {
        note(world, mail->of.reading.value_micro / MICRO == world->number);
    }
}

struct limit {
    int64_t until_us;
    uint64_t requests;
};

static bool is_over(const struct world *world, const struct limit *limit) {
    return world->now_us >= limit->until_us || world->requests >= limit->requests;
}

static void run_bus(struct world *world, const struct model *model, size_t slaves,
                    const struct limit *limit) {
    static struct site_meter meters[UNITS];
    struct bus *bus = NULL;
    for (size_t i = 0; i < slaves; i++) {
        meters[i] = (struct site_meter){.period_ms = 1,
                                        .model = model,
                                        .address = {.len = 1, .bytes = {(uint8_t)(i + 1)}},
                                        .line = world->settings,
                                        .index = (uint32_t)i};
    }
    const struct site_bus site = {.id = "bench", .meter_count = slaves, .meters = meters};
    const struct bus_config config = {.site = &site,
                                      .clock = &world->clock,
                                      .open = virtual_open,
                                      .emit = on_mail,
                                      .context = world};
    if (bus_new(&config, &bus) != GW_OK) {
        tool_fail(program, "out of memory");
    }
    while (!is_over(world, limit)) {
        const int64_t next_us = bus_step(bus);
        virtual_sleep_until(&world->line, next_us);
    }
    bus_free(bus);
}

static void check_model(enum bridge_status status, const struct fault_list *faults) {
    faults_print(faults, stderr);
    if (status != BRIDGE_OK) {
        tool_fail(program, "the model is not one");
    }
}

static void run_ours(struct world *world, size_t slaves, const struct limit *limit) {
    static struct model model;
    struct fault_list faults;
    faults_init(&faults);
    check_model(model_parse("b.yaml", model_text, strlen(model_text), &faults, &model),
                &faults);
    faults_done(&faults);
    run_bus(world, &model, slaves, limit);
}

static void plain_flush(struct world *world) {
    uint8_t rest[REPLY_MAX];
    size_t got;
    while (virtual_read(&world->line, rest, sizeof rest, world->now_us, &got) == BRIDGE_OK) {
    }
}

static size_t plain_receive(struct world *world, uint8_t *reply, size_t want) {
    const int64_t until_us = world->now_us + chars_us(world, REQUEST_BYTES + want) + TIMEOUT_US;
    size_t have = 0;
    size_t got = 0;
    while (have < want &&
           virtual_read(&world->line, reply + have, want - have, until_us, &got) == BRIDGE_OK) {
        have += got;
    }
    return have;
}

/* What libmodbus 3.1.6 compares: checksum, unit and function, the byte count. */
static void plain_ask(struct world *world, uint8_t unit) {
    uint8_t request[REQUEST_BYTES] = {unit, 3, 0, 0, 0, REGISTERS};
    uint8_t reply[REPLY_MAX];
    const size_t want = 5 + 2 * REGISTERS;
    tool_seal(request, REQUEST_BYTES - 2);
    plain_flush(world);
    (void)virtual_write(&world->line, request, sizeof request);
    if (plain_receive(world, reply, want) == want && reply[0] == unit) {
        note(world, ((unsigned)reply[3] << 8 | reply[4]) == world->number);
    }
    world->now_us += line_silence_us(&world->settings);
}

static void run_plain(struct world *world, size_t slaves, const struct limit *limit) {
    size_t next = 0;
    while (!is_over(world, limit)) {
        plain_ask(world, (uint8_t)(1 + next));
        next = (next + 1) % slaves;
    }
}

/* --- what is measured --------------------------------------------------------------------- */

typedef void client(struct world *world, size_t slaves, const struct limit *limit);

struct dead_case {
    uint32_t baud;
    size_t slaves;
    size_t dead;
    int64_t minutes;
};

static void print_minutes(const char *name, client *run, const struct dead_case *what,
                          bool with_dead) {
    static struct world world;
    world_init(&world, what->baud);
    for (size_t i = 0; with_dead && i < what->dead; i++) {
        world.is_dead[1 + i * what->slaves / what->dead] = true; /* spread over the bus */
    }
    const struct limit limit = {.until_us = MICRO + what->minutes * MINUTE_US,
                                .requests = UINT64_MAX};
    run(&world, what->slaves, &limit);
    (void)printf("\"%s\": [", name);
    for (int64_t i = 0; i < what->minutes; i++) {
        (void)printf("%s%llu", i ? ", " : "", (unsigned long long)world.taken[i]);
    }
    (void)printf("]");
}

static void measure_dead(char **argv) {
    const struct dead_case what = {.baud = (uint32_t)tool_number(program, argv[2], 300, 460800),
                                   .slaves =
                                       (size_t)tool_number(program, argv[3], 1, UNITS - 1),
                                   .dead = (size_t)tool_number(program, argv[4], 1, UNITS - 1),
                                   .minutes = tool_number(program, argv[5], 1, MINUTES_MAX)};
    (void)printf("{");
    print_minutes("healthy", run_ours, &what, false);
    (void)printf(", ");
    print_minutes("dead", run_ours, &what, true);
    (void)printf(", ");
    print_minutes("plain_healthy", run_plain, &what, false);
    (void)printf(", ");
    print_minutes("plain_dead", run_plain, &what, true);
    (void)printf("}\n");
}

static void add_late(client *run, size_t slaves, uint64_t *accepted, uint64_t *wrong) {
    static struct world world;
    const struct limit limit = {.until_us = INT64_MAX, .requests = LATE_REQUESTS * slaves};
    world_init(&world, 9600);
    world.is_late = true;
    run(&world, slaves, &limit);
    *accepted += world.accepted;
    *wrong += world.wrong;
}

static void measure_late(void) {
    uint64_t accepted = 0;
    uint64_t wrong = 0;
    uint64_t plain_accepted = 0;
    uint64_t plain_wrong = 0;
    for (size_t slaves = 1; slaves <= 4; slaves *= 4) {
        add_late(run_ours, slaves, &accepted, &wrong);
        add_late(run_plain, slaves, &plain_accepted, &plain_wrong);
    }
    (void)printf("{\"accepted\": %llu, \"wrong\": %llu, \"plain_accepted\": %llu, "
                 "\"plain_wrong\": %llu}\n",
                 (unsigned long long)accepted, (unsigned long long)wrong,
                 (unsigned long long)plain_accepted, (unsigned long long)plain_wrong);
}

enum { POLLED_SLAVES = 32 };

static void measure_polls(char **argv) {
    static struct world world;
    static struct model model;
    struct fault_list faults;
    faults_init(&faults);
    check_model(model_load(argv[2], &faults, &model), &faults);
    faults_done(&faults);
    world_init(&world, (uint32_t)tool_number(program, argv[3], 300, 460800));
    world.is_steady = true;
    const struct limit limit = {
        .until_us = INT64_MAX, .requests = (uint64_t)tool_number(program, argv[4], 1, 1000000)};
    run_bus(&world, &model, POLLED_SLAVES, &limit);
    (void)printf("{\"requests\": %llu, \"readings\": %llu}\n",
                 (unsigned long long)world.requests, (unsigned long long)world.readings);
}

int main(int argc, char **argv) {
    log_set_level(LOG_LEVEL_ERROR);
    if (argc == 6 && strcmp(argv[1], "dead") == 0) {
        measure_dead(argv);
    } else if (argc == 2 && strcmp(argv[1], "late") == 0) {
        measure_late();
    } else if (argc == 5 && strcmp(argv[1], "polls") == 0) {
        measure_polls(argv);
    } else {
        tool_fail(program, "usage: virtual dead BAUD SLAVES DEAD MINUTES | late | "
                           "polls MODEL.yaml BAUD REQUESTS");
    }
    return 0;
}

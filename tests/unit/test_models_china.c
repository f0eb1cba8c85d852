/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped models of DL/T 645 and CJ/T 188: each point is asked for once; and what real
 * meters said (tests/captures, and the corpus where METERGATE_CORPUS names it) comes out of the
 * drivers with the values that stand beside it.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cjt188/cjt188_plan.h"
#include "bridges/dlt645/dlt645_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/unit/frames.h"

enum { PATH_BYTES = 700, LINE_BYTES = 2000, VALUES_MAX = 60 };

struct said {
    char name[FRAMES_TEXT_MAX];
    char text[FRAMES_TEXT_MAX];
};

/* One frame of a meter, and what it says. */
struct block {
    size_t len;
    uint8_t *bytes;
    size_t count;
    struct said values[VALUES_MAX];
};

struct tally {
    size_t frames;
    size_t values;
};

static void load(const char *name, struct model *model) {
    char path[PATH_BYTES];
    struct fault_list faults;
    const char *source = getenv("METERGATE_SOURCE");
    cr_assert_not_null(source, "METERGATE_SOURCE names the root of the tree");
    faults_init(&faults);
    (void)snprintf(path, sizeof path, "%s/config/models/%s.yaml", source, name);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    cr_assert_eq(status, BRIDGE_OK, "%s", name);
}

/* --- plans -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *address;
    size_t points;
    size_t requests; /* counted by hand in the files */
    bool has_relay;
    bool has_valve;
} shipped[] = {
    {"generic-dlt645-1997-1ph", "1", 6, 6, false, false},
    {"generic-dlt645-1997-3ph", "1", 18, 7, false, false},
    {"generic-dlt645-2007-1ph", "1", 12, 9, true, false},
    {"generic-dlt645-2007-1ph-prepaid", "1", 13, 9, true, false},
    {"generic-dlt645-2007-3ph", "1", 30, 15, true, false},
    {"generic-cjt188-water", "1", 2, 1, false, false},
    {"generic-cjt188-water-valve", "1", 3, 1, true, true},
    {"generic-cjt188-water-valve-moving", "1", 3, 1, true, true},
    {"generic-cjt188-heat", "1", 8, 1, false, false},
    {"generic-cjt188-heat-valve", "1", 9, 1, true, true},
    {"generic-cjt188-gas-valve", "1", 3, 1, true, true},
};

Test(models_china, a_poll_takes_as_few_requests_as_blocks_and_words_allow) {
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        struct model model;
        struct meter_address address;
        struct bridge_session *session = NULL;
        struct exchange exchange;
        struct plan plan;
        const char *why = "";
        size_t requests = 0;
        load(shipped[i].name, &model);
        cr_assert_eq(model.bridge->address(shipped[i].address, &address, &why), BRIDGE_OK);
        cr_assert_eq(model.bridge->open(&session), BRIDGE_OK);
        plan_init(&plan, &model, &address);
        while (requests < 100 && model.bridge->next(session, &plan, &exchange) == BRIDGE_OK) {
            cr_expect_gt(exchange.reply_max, 0);
            requests++;
        }
        cr_expect_eq(requests, shipped[i].requests, "%s: %zu", shipped[i].name, requests);
        cr_expect_eq(model.point_count, shipped[i].points, "%s", shipped[i].name);
        cr_expect_eq(model.has_relay, shipped[i].has_relay, "%s", shipped[i].name);
        cr_expect_eq(model.has_valve, shipped[i].has_valve, "%s", shipped[i].name);
        cr_expect_eq(model.bridge->relay(&plan, RELAY_LOOK),
                     shipped[i].has_relay ? BRIDGE_OK : BRIDGE_ECONFIG, "%s", shipped[i].name);
        model.bridge->close(session);
    }
}

/* --- what real meters said ---------------------------------------------------------------- */

/* The name that a value of a frame has as a quantity; NULL = none with the same unit. */
static const char *quantity_of(const char *protocol, const char *name) {
    static const struct {
        const char *name;
        const char *quantity;
    } rows[] = {{"cumulative", "volume"}, {"working_hours", "working_time"}};
    for (size_t i = 0; strcmp(protocol, "cjt188") == 0 && i < 2; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].quantity;
        }
    }
    return quantity_named(name) == QUANTITY_NONE ? NULL : name;
}

static void check_sample(const struct model *model, const char *protocol,
                         const struct block *block, const struct sample *sample,
                         struct tally *tally) {
    const char *quantity = quantity_name(model->points[sample->point].quantity);
    for (size_t i = 0; i < block->count; i++) {
        const char *name = quantity_of(protocol, block->values[i].name);
        int64_t micro = 0;
        if (name && strcmp(name, quantity) == 0 &&
            !quantity_is_state(model->points[sample->point].quantity) &&
            decimal_parse(block->values[i].text, &micro) == BRIDGE_OK) {
            cr_expect_eq(sample->value_micro, micro, "%s is %s", quantity,
                         block->values[i].text);
            tally->values++;
        }
    }
}

static void check_states(const struct model *model, const struct block *block,
                         const struct samples *samples, struct tally *tally) {
    static const struct {
        const char *name;
        const char *text;
        uint16_t quantity;
        int64_t number;
    } rows[] = {{"relay_state", "connected", QUANTITY_relay_state, 1},
                {"relay_state", "disconnected", QUANTITY_relay_state, 0},
                {"relay_command", "connect", QUANTITY_relay_command, 1},
                {"relay_command", "disconnect", QUANTITY_relay_command, 0}};
    for (size_t v = 0; v < block->count; v++) {
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            if (strcmp(rows[r].name, block->values[v].name) != 0 ||
                strcmp(rows[r].text, block->values[v].text) != 0) {
                continue;
            }
            for (size_t s = 0; s < samples->count; s++) {
                if (model->points[samples->items[s].point].quantity == rows[r].quantity) {
                    cr_expect_eq(samples->items[s].value_micro, rows[r].number * MICRO);
                    tally->values++;
                }
            }
        }
    }
}

/* Asks until the answer fits, and takes it. */
static void read_with(struct model *model, const struct meter_address *address,
                      const char *protocol, const struct block *block, struct tally *tally) {
    struct bridge_session *session = NULL;
    struct exchange exchange;
    struct samples samples;
    struct plan plan;
    cr_assert_eq(model->bridge->open(&session), BRIDGE_OK);
    plan_init(&plan, model, address);
    while (model->bridge->next(session, &plan, &exchange) == BRIDGE_OK) {
        if (!exchange.match(&exchange, block->bytes, block->len)) {
            continue;
        }
        const enum bridge_status status =
            model->bridge->take(session, &plan, &exchange, block->bytes, block->len, &samples);
        if (status == BRIDGE_OK) {
            tally->frames++;
            const bool is_any = address->bytes[0] == 0xaa; /* d111 answers so */
            cr_expect(is_any || (plan.serials_read == 1 && plan.is_identified));
            for (size_t i = 0; i < samples.count; i++) {
                check_sample(model, protocol, block, &samples.items[i], tally);
            }
            check_states(model, block, &samples, tally);
        }
        break;
    }
    model->bridge->close(session);
}

static void keep_points_of(struct model *model, uint32_t di) {
    size_t kept = 0;
    for (size_t i = 0; i < model->point_count; i++) {
        const struct dlt645_point *point = dlt645_point_of(&model->points[i]);
        if ((uint32_t)point->di == di || (uint32_t)point->block == di) {
            model->points[kept++] = model->points[i];
        }
    }
    model->point_count = kept;
}

static void read_dlt645(const struct block *block, struct tally *tally) {
    static const char *const names[] = {"generic-dlt645-2007-3ph", "generic-dlt645-1997-3ph",
                                        "generic-dlt645-2007-1ph-prepaid"};
    struct dlt645_frame frame;
    const uint8_t read[] = {0x91, 0x81};
    if (dlt645_frame_decode(block->bytes, block->len, &frame) != BRIDGE_OK) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const bool is_1997 = i == 1;
        struct model model;
        struct meter_address address = {.len = 6};
        if (frame.control != read[is_1997] || frame.data_len < 5) {
            continue;
        }
        load(names[i], &model);
        keep_points_of(
            &model,
            (uint32_t)frame.data[0] | (uint32_t)frame.data[1] << 8 |
                (is_1997 ? 0 : (uint32_t)frame.data[2] << 16 | (uint32_t)frame.data[3] << 24));
        memcpy(address.bytes, frame.address, 6);
        read_with(&model, &address, "dlt645", block, tally);
    }
}

static void read_cjt188(const struct block *block, struct tally *tally) {
    struct cjt188_frame frame;
    if (cjt188_frame_decode(block->bytes, block->len, &frame) != BRIDGE_OK ||
        frame.control != 0x81) {
        return;
    }
    struct model model;
    struct meter_address address = {.len = CJT188_WIRE_BYTES, .bytes = {frame.type}};
    load(frame.type >> 4 == 2 ? "generic-cjt188-heat-valve" : "generic-cjt188-water-valve",
         &model);
    memcpy(address.bytes + 1, frame.address, CJT188_ADDRESS_BYTES);
    read_with(&model, &address, "cjt188", block, tally);
}

static void read_block(const char *protocol, struct block *block, struct tally *tally) {
    if (block->bytes) {
        if (strcmp(protocol, "dlt645") == 0) {
            read_dlt645(block, tally);
        } else {
            read_cjt188(block, tally);
        }
    }
    free(block->bytes);
    *block = (struct block){0};
}

static void say(struct block *block, const char *name, const char *text) {
    cr_assert_lt(block->count, VALUES_MAX);
    struct said *said = &block->values[block->count++];
    (void)snprintf(said->name, sizeof said->name, "%s", name);
    (void)snprintf(said->text, sizeof said->text, "%s", text);
}

static void read_capture(const char *path, const char *protocol, struct tally *tally) {
    struct block block = {0};
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *equals = strchr(line, '=');
        if (strncmp(line, "Reply:", 6) == 0) {
            read_block(protocol, &block, tally);
            block.bytes = frames_bytes(line + 6, &block.len);
        } else if (strncmp(line, "Request:", 8) == 0) {
            read_block(protocol, &block, tally);
        } else if (block.bytes && equals && line[0] != '#') {
            *equals = '\0';
            say(&block, line, equals + 1);
        }
    }
    (void)fclose(file);
    read_block(protocol, &block, tally);
}

static struct tally read_captures(const char *protocol) {
    char folder[PATH_BYTES];
    char path[2 * PATH_BYTES];
    struct tally tally = {0};
    (void)snprintf(folder, sizeof folder, "%s/tests/captures/%s", getenv("METERGATE_SOURCE"),
                   protocol);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            read_capture(path, protocol, &tally);
        }
    }
    (void)closedir(dir);
    return tally;
}

Test(models_china, captures_give_their_values_through_the_drivers) {
    const struct tally dlt645 = read_captures("dlt645");
    const struct tally cjt188 = read_captures("cjt188");
    cr_expect_geq(dlt645.values, 8, "dlt645: %zu values of %zu frames", dlt645.values,
                  dlt645.frames);
    cr_expect_geq(cjt188.values, 8, "cjt188: %zu values of %zu frames", cjt188.values,
                  cjt188.frames);
}

/* --- the corpus --------------------------------------------------------------------------- */

/* values.tsv: frame, name, value, unit, basis */
static void add_values(const char *corpus, const char *protocol, const char *frame,
                       struct block *block) {
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s/values.tsv", corpus, protocol);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        char *rest = line;
        const char *id = strsep(&rest, "\t");
        const char *name = strsep(&rest, "\t");
        const char *text = strsep(&rest, "\t");
        const char *unit = strsep(&rest, "\t\n");
        if (unit && strcmp(id, frame) == 0 && strcmp(unit, "L") != 0) { /* turned into m3 */
            say(block, name, text);
        }
    }
    (void)fclose(file);
}

static struct tally read_corpus(const char *corpus, const char *protocol) {
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    struct tally tally = {0};
    (void)snprintf(path, sizeof path, "%s/%s/frames.tsv", corpus, protocol);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    cr_assert_not_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file)) {
        char *rest = line;
        struct block block = {0};
        const char *id = strsep(&rest, "\t");
        (void)strsep(&rest, "\t");
        const char *hex = strsep(&rest, "\t");
        cr_assert_not_null(hex);
        block.bytes = frames_bytes(hex, &block.len);
        add_values(corpus, protocol, id, &block);
        read_block(protocol, &block, &tally);
    }
    (void)fclose(file);
    return tally;
}

Test(models_china, the_corpus_gives_its_values_through_the_drivers) {
    const char *corpus = getenv("METERGATE_CORPUS");
    if (!corpus) {
        cr_skip_test("METERGATE_CORPUS is not set: the corpus is not checked");
    }
    const struct tally dlt645 = read_corpus(corpus, "dlt645");
    const struct tally cjt188 = read_corpus(corpus, "cjt188");
    cr_expect_geq(dlt645.values, 50, "dlt645: %zu values of %zu frames", dlt645.values,
                  dlt645.frames);
    cr_expect_geq(cjt188.values, 25, "cjt188: %zu values of %zu frames", cjt188.values,
                  cjt188.frames);
}

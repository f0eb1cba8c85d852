/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What real meters said, read with the shipped models: tests/captures/modbus/MODEL.txt.
 *
 * A capture is a head of "Key: value" lines, then exchanges: "Request:" and "Reply:" in hex
 * with the checksum, and behind them every value they must give, quantity=value, to the last
 * digit. "Order: open" or "close" in front: the request is the driver's for that relay order.
 * '#' starts a comment.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu.h"
#include "bridges/model.h"
#include "bridges/quantity.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { PATH_BYTES = 600, LINE_BYTES = 1000, FRAME_BYTES = BRIDGE_FRAME_MAX };

struct bytes {
    size_t len;
    uint8_t data[FRAME_BYTES];
};

struct expected {
    uint16_t quantity;
    int64_t micro;
};

struct block {
    bool is_order;
    enum relay_action order;
    struct bytes request;
    struct bytes reply; /* of an order: may be unknown */
    size_t count;
    struct expected values[MODEL_POINTS_MAX];
};

struct capture {
    const char *name; /* of the file, for messages */
    struct model model;
    unsigned seen; /* which keys of the head */
    size_t blocks;
};

/* --- values ------------------------------------------------------------------------------- */

static void expect_value(const struct capture *capture, const struct block *block,
                         uint16_t quantity, int64_t micro) {
    char text[DECIMAL_TEXT_MAX];
    decimal_format(micro, text);
    for (size_t i = 0; i < block->count; i++) {
        if (block->values[i].quantity == quantity) {
            cr_expect_eq(block->values[i].micro, micro, "%s: %s is %s", capture->name,
                         quantity_name(quantity), text);
            return;
        }
    }
    cr_expect(false, "%s: %s=%s is not expected", capture->name, quantity_name(quantity), text);
}

static void expect_samples(const struct capture *capture, const struct block *block,
                           const struct samples *samples) {
    cr_expect_eq(samples->count, block->count, "%s: %zu values instead of %zu", capture->name,
                 samples->count, block->count);
    for (size_t i = 0; i < samples->count; i++) {
        const struct sample *sample = &samples->items[i];
        cr_assert_lt(sample->point, capture->model.point_count);
        expect_value(capture, block, capture->model.points[sample->point].quantity,
                     sample->value_micro);
    }
}

/* --- the driver's own exchanges ----------------------------------------------------------- */

static bool is_request(const struct exchange *exchange, const struct bytes *request) {
    return exchange->request_len == request->len &&
           memcmp(exchange->request, request->data, request->len) == 0;
}

static void take_reply(const struct capture *capture, const struct block *block,
                       struct bridge_session *session, struct plan *plan,
                       const struct exchange *exchange) {
    struct samples samples;
    cr_assert(exchange->match(exchange, block->reply.data, block->reply.len), "%s: no match",
              capture->name);
    cr_assert_eq(capture->model.bridge->take(session, plan, exchange, block->reply.data,
                                             block->reply.len, &samples),
                 BRIDGE_OK, "%s", capture->name);
    expect_samples(capture, block, &samples);
    cr_expect_eq(plan->invalid, 0, "%s", capture->name);
}

static struct meter_address address_of(const struct block *block) {
    return (struct meter_address){.len = 1, .bytes = {block->request.data[0]}};
}

/* Is it a request of the model's poll? Then its reply is taken as the daemon takes it. */
static bool take_by_plan(const struct capture *capture, const struct block *block,
                         struct bridge_session *session) {
    const struct meter_address address = address_of(block);
    struct plan plan;
    struct exchange exchange;
    plan_init(&plan, &capture->model, &address);
    while (capture->model.bridge->next(session, &plan, &exchange) == BRIDGE_OK) {
        if (is_request(&exchange, &block->request)) {
            take_reply(capture, block, session, &plan, &exchange);
            return true;
        }
    }
    return false;
}

static void take_order(const struct capture *capture, const struct block *block,
                       struct bridge_session *session) {
    const struct meter_address address = address_of(block);
    struct plan plan;
    struct exchange exchange;
    plan_init(&plan, &capture->model, &address);
    cr_assert_eq(capture->model.bridge->relay(&plan, block->order), BRIDGE_OK, "%s",
                 capture->name);
    cr_assert_eq(capture->model.bridge->next(session, &plan, &exchange), BRIDGE_OK);
    cr_expect(is_request(&exchange, &block->request), "%s: another order", capture->name);
    if (block->reply.len) {
        take_reply(capture, block, session, &plan, &exchange);
    }
}

/* --- another range than the poll's -------------------------------------------------------- */

static unsigned word_of(const uint8_t *bytes) {
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void expect_sound(const struct capture *capture, const struct bytes *frame,
                         enum frame_role role) {
    size_t len = 0;
    cr_assert_eq(capture->model.bridge->frame(frame->data, frame->len, role, &len), BRIDGE_OK,
                 "%s: no frame", capture->name);
    cr_assert_eq(len, frame->len, "%s", capture->name);
}

/* The model's points that lie in the registers start to start + count of the reply. */
static void decode_range(const struct capture *capture, const struct block *block,
                         const uint16_t *registers, struct samples *out) {
    const int64_t start = word_of(block->request.data + 2);
    const int64_t end = start + word_of(block->request.data + 4);
    *out = (struct samples){0};
    for (size_t i = 0; i < capture->model.point_count; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&capture->model.points[i]);
        const int64_t point_end = point->address + (int64_t)mbrtu_words(point->value.type);
        int64_t micro = 0;
        if (point->function != block->request.data[1] || point->address < start ||
            point_end > end) {
            continue;
        }
        cr_assert_eq(point->multiply, MBRTU_PLAIN, "%s: needs its ratio", capture->name);
        cr_assert_eq(mbrtu_decode(&point->value, registers + (point->address - start), &micro),
                     BRIDGE_OK, "%s", capture->name);
        out->items[out->count++] = (struct sample){.point = (uint16_t)i, .value_micro = micro};
    }
}

static void take_by_points(const struct capture *capture, const struct block *block) {
    uint16_t registers[FRAME_BYTES / 2] = {0};
    struct samples samples;
    expect_sound(capture, &block->request, FRAME_REQUEST);
    expect_sound(capture, &block->reply, FRAME_REPLY);
    const size_t count = word_of(block->request.data + 4);
    cr_assert_eq(block->reply.data[0], block->request.data[0], "%s", capture->name);
    cr_assert_eq(block->reply.data[1], block->request.data[1], "%s", capture->name);
    cr_assert_eq(block->reply.data[2], 2 * count, "%s", capture->name);
    for (size_t i = 0; i < count; i++) {
        registers[i] = (uint16_t)word_of(block->reply.data + 3 + 2 * i);
    }
    decode_range(capture, block, registers, &samples);
    expect_samples(capture, block, &samples);
}

static void expect_block(struct capture *capture, const struct block *block) {
    struct bridge_session *session = NULL;
    cr_assert_gt(block->request.len, 0);
    cr_assert_eq(capture->model.bridge->open(&session), BRIDGE_OK);
    if (block->is_order) {
        take_order(capture, block, session);
    } else {
        cr_assert_gt(block->count, 0, "%s: nothing is expected", capture->name);
        if (!take_by_plan(capture, block, session)) {
            take_by_points(capture, block);
        }
    }
    capture->model.bridge->close(session);
    capture->blocks++;
}

/* --- the files ---------------------------------------------------------------------------- */

static const char *const head_keys[] = {"Name",          "Model",     "Firmware",
                                        "Line settings", "Submitter", "Date"};

static void in_tree(const char *folder, const char *name, char *path) {
    const char *root = getenv("METERGATE_SOURCE");
    cr_assert_not_null(root, "METERGATE_SOURCE names the root of the tree");
    (void)snprintf(path, PATH_BYTES, "%s/%s/%s", root, folder, name);
}

static void load(const char *id, struct model *model) {
    char name[MODEL_ID_MAX + 10];
    char path[PATH_BYTES];
    struct fault_list faults;
    faults_init(&faults);
    (void)snprintf(name, sizeof name, "%s.yaml", id);
    in_tree("config/models", name, path);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    cr_assert_eq(status, BRIDGE_OK, "%s", path);
    faults_done(&faults);
}

static void read_hex(const char *text, struct bytes *out) {
    *out = (struct bytes){0};
    for (char *end = NULL; *text; text = end) {
        const unsigned long byte = strtoul(text, &end, 16);
        cr_assert(end != text && byte <= 0xff && out->len < sizeof out->data, "%s", text);
        out->data[out->len++] = (uint8_t)byte;
    }
}

static void read_order(const char *text, struct block *block) {
    block->is_order = true;
    block->order = strcmp(text, "open") == 0 ? RELAY_OPEN : RELAY_CLOSE;
    cr_assert(block->order == RELAY_OPEN || strcmp(text, "close") == 0, "%s", text);
}

static void read_head(struct capture *capture, const char *key, const char *value) {
    size_t i = 0;
    while (i < ROWS(head_keys) && strcmp(head_keys[i], key) != 0) {
        i++;
    }
    cr_assert_lt(i, ROWS(head_keys), "%s: unknown key \"%s\"", capture->name, key);
    cr_assert_str_not_empty(value, "%s: %s says nothing", capture->name, key);
    capture->seen |= 1U << i;
    if (strcmp(key, "Model") == 0) {
        cr_expect(strncmp(capture->name, value, strlen(value)) == 0 &&
                      strcmp(capture->name + strlen(value), ".txt") == 0,
                  "%s: is named after another model", capture->name);
        load(value, &capture->model);
    }
}

static void read_value(const struct capture *capture, const char *quantity, const char *value,
                       struct block *block) {
    struct expected *expected = &block->values[block->count++];
    cr_assert_leq(block->count, ROWS(block->values));
    expected->quantity = (uint16_t)quantity_named(quantity);
    cr_assert_neq(expected->quantity, QUANTITY_NONE, "%s: %s", capture->name, quantity);
    cr_assert_eq(decimal_parse(value, &expected->micro), BRIDGE_OK, "%s: %s", capture->name,
                 value);
}

/* A block ends where the next begins, or the file. */
static void end_block(struct capture *capture, struct block *block) {
    if (block->request.len) {
        expect_block(capture, block);
        *block = (struct block){0};
    }
}

static void read_pair(struct capture *capture, const char *key, const char *value,
                      struct block *block) {
    if (strcmp(key, "Order") == 0) {
        end_block(capture, block);
        read_order(value, block);
    } else if (strcmp(key, "Request") == 0) {
        end_block(capture, block);
        read_hex(value, &block->request);
    } else if (strcmp(key, "Reply") == 0) {
        read_hex(value, &block->reply);
    } else {
        read_head(capture, key, value);
    }
}

static void read_line(struct capture *capture, char *line, struct block *block) {
    line[strcspn(line, "\n")] = '\0';
    char *colon = strstr(line, ": ");
    char *equals = strchr(line, '=');
    if (*line == '#' || *line == '\0') {
        return;
    }
    cr_assert(colon || equals, "%s: %s", capture->name, line);
    if (colon) {
        *colon = '\0';
        read_pair(capture, line, colon + 2, block);
    } else {
        *equals = '\0';
        read_value(capture, line, equals + 1, block);
    }
}

static void expect_capture(const char *name) {
    struct capture capture = {.name = name};
    struct block block = {0};
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    in_tree("tests/captures/modbus", name, path);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        read_line(&capture, line, &block);
    }
    end_block(&capture, &block);
    (void)fclose(file);
    cr_expect_eq(capture.seen, (1U << ROWS(head_keys)) - 1, "%s: its head is not whole", name);
    cr_expect_gt(capture.blocks, 0, "%s: holds no exchange", name);
}

Test(models_capture, every_capture_reads_as_its_source_says) {
    char folder[PATH_BYTES];
    in_tree("tests/captures", "modbus", folder);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    int seen = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && strcmp(dot, ".txt") == 0) {
            expect_capture(entry->d_name);
            seen++;
        }
    }
    (void)closedir(dir);
    cr_expect_geq(seen, 5);
}

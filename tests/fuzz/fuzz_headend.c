/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of the head-end with a real mirror, in virtual time. The input is a list of what
 * happens; a record's place is meant from the first one that is missing:
 *
 *   { step | gateway | two bytes }...
 *
 * Whatever comes, in whatever order, through a full outbox, a lost link and crashes: what is
 * acknowledged was sent without a hole and is in the database, after every crash and in the
 * end, each record once.
 */
#include <sqlite3.h>
#include <unistd.h>

#include "gateway/headend/headend.h"
#include "tests/fuzz/fuzz_key.h"

enum { GATEWAYS = 4, STEPS_MAX = 60, COMMIT_MS = 100, FIRST_EPOCH = 5, COUNT_MAX = 9 };
#define OPERATOR "op"

enum step {
    STEP_BATCH,
    STEP_GAP,
    STEP_HEARTBEAT,
    STEP_DAMAGED, /* a batch with a byte turned over */
    STEP_EPOCH,   /* the gateway begins anew; 0 = it sends under its old epoch again */
    STEP_WAIT,
    STEP_LINK,
    STEP_OUTBOX,
    STEP_CRASH,
    STEP_RECORDS, /* of ledger, events or results; the ledger may lie about its chain */
    STEPS
};

/* A gateway by our own account. */
struct expected {
    uint64_t epoch;
    uint64_t through[WIRE_STREAMS + 1]; /* by stream: sent without a hole */
    uint64_t acked[WIRE_STREAMS + 1];   /* the most that was acknowledged in this epoch */
};

struct session {
    struct fuzz_clock clock;
    struct mirror_config config;
    struct mirror *mirror;
    struct headend *headend;
    struct expected gateways[GATEWAYS];
    bool is_full;
    bool is_down;
};

static struct seal_secret secret;
static struct seal_key key;
static char path[FUZZ_PATH_MAX];
static char wal_path[FUZZ_PATH_MAX];
static uint8_t empty_mirror[128 * 1024]; /* with its schema: making it takes long */
static size_t empty_size;
static struct wire_scratch scratch;

static const char *const names[GATEWAYS] = {"gw-0", "gw-1", "gw-2", "gw-3"};

static struct expected *expected_of(struct session *session, const char *name) {
    for (size_t i = 0; i < GATEWAYS; i++) {
        if (strcmp(names[i], name) == 0) {
            return &session->gateways[i];
        }
    }
    return NULL;
}

/* --- what it says ------------------------------------------------------------------------- */

static void check_ack(struct session *session, const struct wire_ack *ack) {
    struct expected *gateway = expected_of(session, ack->gateway);
    if (!gateway || ack->through_count == 0) {
        return; /* a damaged batch may have another name */
    }
    FUZZ_CHECK(ack->through[0].stream == WIRE_READINGS);
    for (size_t i = 0; i < ack->through_count; i++) {
        const struct wire_position *through = &ack->through[i];
        FUZZ_CHECK(through->epoch == gateway->epoch);
        FUZZ_CHECK(through->seq <= gateway->through[through->stream] &&
                   through->seq >= gateway->acked[through->stream]);
        gateway->acked[through->stream] = through->seq;
    }
    for (size_t i = 0; i < ack->resend_count; i++) {
        FUZZ_CHECK(ack->resend[i].epoch == gateway->epoch);
        FUZZ_CHECK(ack->resend[i].seq == gateway->acked[ack->resend[i].stream] + 1);
    }
}

static enum gw_status take_answer(void *context, const char *topic, const uint8_t *payload,
                                  size_t len) {
    struct session *session = context;
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf = NULL;
    const uint8_t *inside = NULL;
    size_t inside_len = 0;
    static struct wire_scratch inner;
    struct wire_ack ack;
    FUZZ_CHECK(!session->is_down);
    if (session->is_full) {
        return GW_EFULL;
    }
    FUZZ_CHECK(wire_topic_split(topic, OPERATOR, gateway, &leaf) && !strcmp(leaf, "d/ack"));
    FUZZ_CHECK(seal_open(&key, 1, SEAL_SYNC, SEAL_DOMAIN_ACK, gateway, payload, len, &scratch,
                         &inside, &inside_len) == GW_OK);
    FUZZ_CHECK(wire_ack_decode(inside, inside_len, &inner, &ack) == GW_OK);
    FUZZ_CHECK(strcmp(ack.gateway, gateway) == 0);
    check_ack(session, &ack);
    return GW_OK;
}

/* --- its life ------------------------------------------------------------------------------
 */

static void open_mirror(struct session *session) {
    char error[MIRROR_ERROR_MAX];
    struct headend_config config = {.operator_id = OPERATOR,
                                    .commit_every_ms = COMMIT_MS,
                                    .signing_key = secret,
                                    .clock = &session->clock.clock,
                                    .publish = take_answer,
                                    .context = session};
    FUZZ_CHECK(mirror_open(&session->config, &session->mirror, error) == GW_OK);
    config.mirror = session->mirror;
    FUZZ_CHECK(headend_new(&config, &session->headend) == GW_OK);
}

static void close_mirror(struct session *session) {
    headend_free(session->headend);
    mirror_close(session->mirror);
}

/* Before a crash, and what was found behind it. */
struct crash {
    struct session before;
    struct expected after[GATEWAYS];
};

static enum gw_status remember(void *context, const struct mirror_gateway *row) {
    struct crash *crash = context;
    const struct expected *gateway = expected_of(&crash->before, row->name);
    if (gateway) {
        const bool is_same = row->epoch == gateway->epoch;
        FUZZ_CHECK(is_same || row->epoch < gateway->epoch);
        struct expected *after = &crash->after[gateway - crash->before.gateways];
        after->epoch = row->epoch;
        for (int i = WIRE_READINGS; i <= WIRE_STREAMS; i++) {
            FUZZ_CHECK(!is_same || row->through[i] <= gateway->through[i]);
            after->through[i] = row->through[i];
        }
    }
    return GW_OK;
}

/* What was not committed is gone: nothing of it may have been acknowledged. */
static void crash(struct session *session) {
    struct crash crash = {.before = *session};
    close_mirror(session);
    open_mirror(session);
    FUZZ_CHECK(mirror_each_gateway(session->mirror, remember, &crash) == GW_OK);
    for (size_t i = 0; i < GATEWAYS; i++) {
        const struct expected *before = &crash.before.gateways[i];
        struct expected *after = &crash.after[i];
        const bool is_same = after->epoch == before->epoch;
        for (int k = WIRE_READINGS; k <= WIRE_STREAMS; k++) {
            FUZZ_CHECK(is_same || before->acked[k] == 0);
            FUZZ_CHECK(after->through[k] >= (is_same ? before->acked[k] : 0));
            after->acked[k] = is_same ? before->acked[k] : 0;
        }
    }
    memcpy(session->gateways, crash.after, sizeof session->gateways);
    FUZZ_CHECK(session->is_down || headend_link_up(session->headend) == GW_OK);
}

static void prepare(void) {
    struct session session = {.config.path = path, .config.clock = &session.clock.clock};
    fuzz_key(&secret, &key);
    fuzz_path("mirror.db", path);
    fuzz_path("mirror.db-wal", wal_path);
    fuzz_clock_init(&session.clock);
    open_mirror(&session);
    close_mirror(&session);
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file);
    empty_size = fread(empty_mirror, 1, sizeof empty_mirror, file);
    FUZZ_CHECK(empty_size > 0 && empty_size < sizeof empty_mirror && fclose(file) == 0);
}

/* Every record once: readings and gaps together are as many as the last one's number. */
static void check_database(const struct session *session) {
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    FUZZ_CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    FUZZ_CHECK(
        sqlite3_prepare_v2(db,
                           "SELECT name, g.epoch, through, (SELECT count(*) FROM reading r"
                           "  WHERE r.gateway = g.id AND r.epoch = g.epoch),"
                           " (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM gap"
                           "  WHERE gap.gateway = g.id AND gap.epoch = g.epoch),"
                           " ledger + events + results, (SELECT count(*) FROM record c"
                           "  WHERE c.gateway = g.id AND c.epoch = g.epoch), ledger, events,"
                           " results FROM gateway g",
                           -1, &row, NULL) == SQLITE_OK);
    while (sqlite3_step(row) == SQLITE_ROW) {
        struct session copy = *session;
        const char *name = (const char *)sqlite3_column_text(row, 0);
        const struct expected *gateway = expected_of(&copy, name);
        const uint64_t through = (uint64_t)sqlite3_column_int64(row, 2);
        const uint64_t readings = (uint64_t)sqlite3_column_int64(row, 3);
        FUZZ_CHECK(readings + (uint64_t)sqlite3_column_int64(row, 4) == through);
        FUZZ_CHECK(sqlite3_column_int64(row, 5) == sqlite3_column_int64(row, 6));
        FUZZ_CHECK(!gateway || (through == gateway->through[WIRE_READINGS] &&
                                gateway->epoch == (uint64_t)sqlite3_column_int64(row, 1)));
        for (int i = WIRE_LEDGER; gateway && i <= WIRE_STREAMS; i++) {
            FUZZ_CHECK((uint64_t)sqlite3_column_int64(row, 7 + i - WIRE_LEDGER) ==
                       gateway->through[i]);
        }
    }
    sqlite3_finalize(row);
    FUZZ_CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* --- what happens to it --------------------------------------------------------------------
 */

/* Our own account of a message that came through. */
static void account(struct session *session, const struct wire_sender *sender,
                    enum wire_stream stream, uint64_t first, uint64_t last) {
    struct expected *gateway = expected_of(session, sender->gateway);
    if (!gateway || strcmp(sender->operator_id, OPERATOR) != 0 || sender->epoch == 0 ||
        sender->epoch > INT64_MAX || sender->epoch < gateway->epoch) {
        return;
    }
    if (sender->epoch > gateway->epoch) {
        *gateway = (struct expected){.epoch = sender->epoch};
    }
    if (first <= gateway->through[stream] + 1 && last > gateway->through[stream]) {
        gateway->through[stream] = last;
    }
}

static void send_bytes(struct session *session, const char *name, const char *leaf,
                       const uint8_t *bytes, size_t len) {
    char topic[WIRE_TOPIC_MAX];
    static struct wire_record record;
    wire_topic(OPERATOR, name, leaf, topic);
    if (strcmp(leaf, "u/r") == 0 &&
        wire_record_decode(bytes, len, &scratch, &record) == GW_OK &&
        strcmp(record.sender.gateway, name) == 0) {
        account(session, &record.sender, WIRE_READINGS,
                record.is_gap ? record.gap.first_seq : record.batch.first_seq,
                record.is_gap ? record.gap.last_seq
                              : record.batch.first_seq + record.batch.count - 1);
    }
    FUZZ_CHECK(headend_message(session->headend, topic, bytes, len) == GW_OK);
}

static struct wire_sender sender_of(const struct session *session, size_t which) {
    struct wire_sender sender = {.operator_id = OPERATOR,
                                 .epoch = session->gateways[which].epoch,
                                 .has_boot_id = true,
                                 .boot_id = {1}};
    (void)snprintf(sender.gateway, sizeof sender.gateway, "%s", names[which]);
    sender.epoch = sender.epoch ? sender.epoch : FIRST_EPOCH;
    return sender;
}

/* A place from -8 to 7 around the first record that is missing; never before 1. */
static uint64_t place(const struct session *session, size_t which, enum wire_stream stream,
                      uint8_t where) {
    const uint64_t next = session->gateways[which].through[stream] + 1;
    const uint64_t back = where & 7;
    return where & 8 ? next + back : back < next ? next - back : 1;
}

static size_t batch(struct session *session, size_t which, uint8_t where, uint8_t count,
                    uint8_t *buf) {
    static struct wire_batch batch;
    const struct wire_sender sender = sender_of(session, which);
    size_t len = 0;
    batch = (struct wire_batch){.first_seq = place(session, which, WIRE_READINGS, where),
                                .count = 1U + count % COUNT_MAX};
    for (size_t i = 0; i < batch.count; i++) {
        batch.values[i] = (struct wire_value){.point = 1, .at_ms = FUZZ_WALL_MS};
    }
    FUZZ_CHECK(wire_batch_encode(&sender, &batch, buf, WIRE_MESSAGE_MAX, &len) == GW_OK);
    return len;
}

static size_t gap(const struct session *session, size_t which, uint8_t where, uint8_t count,
                  uint8_t *buf) {
    const struct wire_sender sender = sender_of(session, which);
    const uint64_t first = place(session, which, WIRE_READINGS, where);
    const struct wire_gap gap = {.first_seq = first,
                                 .last_seq = first + count,
                                 .count = 1U + count,
                                 .reason = WIRE_GAP_EXPIRED};
    size_t len = 0;
    FUZZ_CHECK(wire_gap_encode(&sender, &gap, buf, WIRE_MESSAGE_MAX, &len) == GW_OK);
    return len;
}

static size_t heartbeat(const struct session *session, size_t which, uint8_t head,
                        uint8_t *buf) {
    struct wire_heartbeat heartbeat = {.sender = sender_of(session, which),
                                       .at_ms = FUZZ_WALL_MS,
                                       .ping = 1,
                                       .head_count = 1,
                                       .heads = {{.stream = WIRE_READINGS, .head = head}}};
    size_t len = 0;
    strcpy(heartbeat.sender.site, "house");
    FUZZ_CHECK(wire_heartbeat_encode(&heartbeat, buf, WIRE_MESSAGE_MAX, &len) == GW_OK);
    return len;
}

/* The hash of a ledger whose entries are all alike. */
static void hash_at(uint64_t seq, uint8_t *hash) {
    memset(hash, 0, CHAIN_HASH_BYTES);
    for (uint64_t i = 1; i <= seq; i++) {
        chain_extend(hash, (const uint8_t *)"entry", 5);
    }
}

static void send_records(struct session *session, size_t which, uint8_t a, uint8_t b) {
    static uint8_t buf[WIRE_MESSAGE_MAX];
    static const char *const leaves[] = {"u/l", "u/e", "u/c"};
    const enum wire_stream stream = (enum wire_stream)(WIRE_LEDGER + b % 3);
    const bool lies = b & 0x80 && stream == WIRE_LEDGER;
    size_t len = 0;
    struct wire_records records = {.sender = sender_of(session, which),
                                   .stream = stream,
                                   .first_seq = place(session, which, stream, a),
                                   .count = 1U + b / 3 % COUNT_MAX};
    for (size_t i = 0; i < records.count; i++) {
        records.records[i].bytes = (const uint8_t *)"entry";
        records.records[i].len = 5;
    }
    if (stream == WIRE_LEDGER) {
        hash_at(records.first_seq - 1, records.prev_hash);
        records.prev_hash[a % CHAIN_HASH_BYTES] ^= lies;
    }
    FUZZ_CHECK(wire_records_encode(&records, buf, sizeof buf, &len) == GW_OK);
    account(session, &records.sender, stream, 1, 0);
    if (!lies) {
        account(session, &records.sender, stream, records.first_seq,
                records.first_seq + records.count - 1);
    }
    send_bytes(session, names[which], leaves[stream - WIRE_LEDGER], buf, len);
}

static void speak(struct session *session, enum step step, size_t which, uint8_t a, uint8_t b) {
    static uint8_t buf[WIRE_MESSAGE_MAX];
    size_t len = 0;
    if (step == STEP_HEARTBEAT) {
        const struct wire_sender sender = sender_of(session, which);
        account(session, &sender, WIRE_READINGS, 1, 0);
        len = heartbeat(session, which, a, buf);
        send_bytes(session, names[which], "u/hb", buf, len);
        return;
    }
    len = step == STEP_GAP ? gap(session, which, a, b, buf) : batch(session, which, a, b, buf);
    if (step == STEP_DAMAGED) {
        buf[b % len] ^= (uint8_t)(1U << a % 8);
    }
    send_bytes(session, names[which], "u/r", buf, len);
}

static void new_epoch(struct session *session, size_t which, uint8_t a) {
    struct expected *gateway = &session->gateways[which];
    const struct expected before = *gateway;
    gateway->epoch = a > 0 ? before.epoch + a : before.epoch > 1 ? before.epoch - 1 : 1;
    static uint8_t buf[WIRE_MESSAGE_MAX];
    gateway->through[WIRE_READINGS] = 0;
    const size_t len = batch(session, which, 0, 0, buf);
    *gateway = before;
    send_bytes(session, names[which], "u/r", buf, len);
}

static void take_step(struct session *session, enum step step, size_t which, uint8_t a,
                      uint8_t b) {
    switch ((int)step) {
    case STEP_EPOCH:
        new_epoch(session, which, a);
        break;
    case STEP_WAIT:
        session->clock.mono_us += (int64_t)a * 40000;
        FUZZ_CHECK(headend_tick(session->headend) == GW_OK);
        break;
    case STEP_LINK:
        session->is_down = a & 1;
        FUZZ_CHECK((session->is_down ? headend_link_down(session->headend)
                                     : headend_link_up(session->headend)) == GW_OK);
        break;
    case STEP_OUTBOX:
        session->is_full = a & 1;
        headend_room(session->headend);
        break;
    case STEP_CRASH:
        crash(session);
        break;
    case STEP_RECORDS:
        send_records(session, which, a, b);
        break;
    default:
        speak(session, step, which, a, b);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {.data = data, .size = size};
    if (!path[0]) {
        prepare();
    }
    static struct session session;
    session = (struct session){.config.path = path, .config.clock = &session.clock.clock};
    fuzz_clock_init(&session.clock);
    (void)unlink(wal_path);
    fuzz_put_file(path, empty_mirror, empty_size);
    open_mirror(&session);
    FUZZ_CHECK(headend_link_up(session.headend) == GW_OK);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        const enum step step = (enum step)(fuzz_byte(&input) % STEPS);
        const size_t which = fuzz_byte(&input) % GATEWAYS;
        const uint8_t a = fuzz_byte(&input);
        take_step(&session, step, which, a, fuzz_byte(&input));
    }
    FUZZ_CHECK(headend_flush(session.headend) == GW_OK);
    close_mirror(&session);
    check_database(&session);
}

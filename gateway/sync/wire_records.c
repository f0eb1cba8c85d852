/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_inside.h"

static enum gw_status encode_gap(const struct wire_records *records, uint8_t *buf, size_t cap,
                                 size_t *len) {
    Metergate__V1__Sender sender = wire_make_sender(&records->sender);
    Metergate__V1__Gap body = wire_make_gap(records->stream, &records->gap);
    Metergate__V1__GapRecord gap = METERGATE__V1__GAP_RECORD__INIT;
    gap.sender = &sender;
    gap.gap = &body;
    Metergate__V1__StreamRecord out = METERGATE__V1__STREAM_RECORD__INIT;
    out.gap = &gap;
    return wire_pack(&out.base, buf, cap, len);
}

enum gw_status wire_records_encode(const struct wire_records *records, uint8_t *buf, size_t cap,
                                   size_t *len) {
    if (records->is_gap) {
        return encode_gap(records, buf, cap, len);
    }
    if (records->count > WIRE_RECORDS_MAX) {
        return GW_ETOOLONG;
    }
    ProtobufCBinaryData rows[WIRE_RECORDS_MAX];
    for (size_t i = 0; i < records->count; i++) {
        rows[i] = wire_bytes(records->records[i].bytes, records->records[i].len);
    }
    Metergate__V1__Sender sender = wire_make_sender(&records->sender);
    Metergate__V1__RecordBatch batch = METERGATE__V1__RECORD_BATCH__INIT;
    batch.sender = &sender;
    batch.stream = (Metergate__V1__Stream)records->stream;
    batch.first_seq = records->first_seq;
    batch.n_record = records->count;
    batch.record = rows;
    batch.has_prev_hash = records->stream == WIRE_LEDGER;
    batch.prev_hash = wire_bytes(records->prev_hash, CHAIN_HASH_BYTES);
    Metergate__V1__StreamRecord out = METERGATE__V1__STREAM_RECORD__INIT;
    out.batch = &batch;
    return wire_pack(&out.base, buf, cap, len);
}

static bool is_stream(int stream) {
    return stream == WIRE_LEDGER || stream == WIRE_EVENTS || stream == WIRE_RESULTS;
}

/* The ledger says from where its chain goes on, the others have none. */
static bool copy_hash(const Metergate__V1__RecordBatch *from, struct wire_records *out) {
    if (from->has_prev_hash != (out->stream == WIRE_LEDGER) ||
        (from->has_prev_hash && from->prev_hash.len != CHAIN_HASH_BYTES)) {
        return false;
    }
    if (from->has_prev_hash) {
        memcpy(out->prev_hash, from->prev_hash.data, CHAIN_HASH_BYTES);
    }
    return true;
}

static enum gw_status copy_batch(const Metergate__V1__RecordBatch *from,
                                 struct wire_records *out) {
    if (from->n_record > WIRE_RECORDS_MAX) {
        return GW_ETOOLONG;
    }
    out->stream = (enum wire_stream)from->stream;
    out->first_seq = from->first_seq;
    out->count = from->n_record;
    if (!is_stream((int)from->stream) || from->n_record == 0 || from->first_seq == 0 ||
        from->first_seq > INT64_MAX - WIRE_RECORDS_MAX || !copy_hash(from, out) ||
        !wire_copy_sender(from->sender, false, &out->sender)) {
        return GW_EINVALID;
    }
    for (size_t i = 0; i < from->n_record; i++) {
        if (from->record[i].len == 0 || from->record[i].len > WIRE_RECORD_MAX) {
            return GW_EINVALID;
        }
        out->records[i].bytes = from->record[i].data;
        out->records[i].len = from->record[i].len;
    }
    return GW_OK;
}

static enum gw_status copy_gap(const Metergate__V1__GapRecord *from, struct wire_records *out) {
    const int stream = (int)from->gap->stream;
    out->is_gap = true;
    out->stream = (enum wire_stream)stream;
    return wire_copy_sender(from->sender, false, &out->sender) &&
                   wire_copy_gap(from->gap, &out->gap) && is_stream(stream) &&
                   stream != WIRE_LEDGER
               ? GW_OK
               : GW_EINVALID;
}

static enum gw_status copy_records(const void *message, void *result) {
    const Metergate__V1__StreamRecord *from = message;
    if (!from->batch == !from->gap) {
        return GW_EINVALID; /* neither, or both */
    }
    return from->batch ? copy_batch(from->batch, result) : copy_gap(from->gap, result);
}

enum gw_status wire_records_decode(const uint8_t *buf, size_t len, struct wire_scratch *scratch,
                                   struct wire_records *out) {
    static const struct wire_kind kind = {&metergate__v1__stream_record__descriptor,
                                          copy_records, sizeof *out};
    return wire_decode(&kind, buf, len, scratch, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of wire share: unpacking within a budget, checked fields, packing.
 */
#ifndef GATEWAY_SYNC_WIRE_INSIDE_H
#define GATEWAY_SYNC_WIRE_INSIDE_H

#include "gateway/sync/wire.h"
#include "proto/metergate/v1/metergate.pb-c.h"

/* A kind of message: what protobuf-c unpacks, and what becomes of it. */
struct wire_kind {
    const ProtobufCMessageDescriptor *type;
    enum gw_status (*copy)(const void *message, void *out);
    size_t size; /* of *out */
};

/* Into the scratch first, so that *out is written only when all of it is right. */
enum gw_status wire_decode(const struct wire_kind *kind, const uint8_t *buf, size_t len,
                           struct wire_scratch *scratch, void *out);

/* Fields; false: not what they have to be. */
bool wire_copy_id(ProtobufCBinaryData from, size_t max, char *to);
bool wire_copy_sender(const Metergate__V1__Sender *from, bool whole, struct wire_sender *to);
bool wire_copy_gap(const Metergate__V1__Gap *from, struct wire_gap *to);
bool wire_is_time(int64_t at_ms);

/* Packing reads through pointers that protobuf-c declares without const. */
ProtobufCBinaryData wire_bytes(const void *bytes, size_t len);
ProtobufCBinaryData wire_text(const char *string);
Metergate__V1__Sender wire_make_sender(const struct wire_sender *sender);
Metergate__V1__Gap wire_make_gap(enum wire_stream stream, const struct wire_gap *gap);
enum gw_status wire_pack(const ProtobufCMessage *message, uint8_t *buf, size_t cap,
                         size_t *len);

#endif

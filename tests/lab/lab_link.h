/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network and the broker between gateway and head-end: mqtt.h for the gateway, and the
 * head-end's publish. A message takes latency_us each way; what is on its way when the network
 * is cut arrives or does not, by the seed. What is published while the other end is off is
 * lost, as with a broker that keeps no sessions.
 */
#ifndef TESTS_LAB_LAB_LINK_H
#define TESTS_LAB_LAB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"

enum { LAB_LINK_MESSAGES_MAX = 256 };

/* A message, or the broker's word that it has one. */
struct lab_message {
    int64_t at_us; /* when it arrives */
    bool is_up;    /* towards the head-end */
    bool is_puback;
    uint32_t session;
    uint64_t token;
    char *topic; /* owned; NULL for a PUBACK */
    uint8_t *payload;
    size_t len;
};

struct lab_link {
    int64_t latency_us;
    unsigned duplicates; /* of 1000 messages, that come twice */
    unsigned breaks;     /* of 1000 messages, after which the connection breaks */
    bool is_cut;
    /* private */
    struct mqtt *client; /* the gateway's, NULL = off */
    int64_t at_us;
    size_t count;
    struct lab_message queue[LAB_LINK_MESSAGES_MAX]; /* in order of arrival */
    uint64_t delivered;
};

struct lab;

void lab_link_init(struct lab *lab);
void lab_link_done(struct lab *lab);

/* From now on nothing passes; the gateway notices after a while. */
void lab_link_cut(struct lab *lab);
void lab_link_heal(struct lab *lab);

int64_t lab_link_due_us(const struct lab *lab);
void lab_link_act(struct lab *lab);

/* The gateway was switched off without a word. */
void lab_link_lose_client(struct lab *lab);

/* headend_config's publish; context is the lab. */
enum gw_status lab_link_publish(void *context, const char *topic, const uint8_t *payload,
                                size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/wire.h"

#include <string.h>

static const char root[] = "metergate/1/";

bool wire_id_is_valid(const char *text, size_t max) {
    const size_t len = strlen(text);
    return len > 0 && len <= max &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.") == len;
}

static char *append(char *at, const char *end, const char *text) {
    while (*text && at < end) {
        *at++ = *text++;
    }
    *at = '\0';
    return at;
}

void wire_topic(const char *operator_id, const char *gateway, const char *leaf, char *topic) {
    const char *end = topic + WIRE_TOPIC_MAX - 1;
    char *at = append(topic, end, root);
    at = append(at, end, operator_id);
    at = append(at, end, "/");
    at = append(at, end, gateway);
    at = append(at, end, "/");
    append(at, end, leaf);
}

/* Takes `word` and the slash behind it off the front of *topic. */
static bool skip(const char **topic, const char *word) {
    const size_t len = strlen(word);
    if (strncmp(*topic, word, len) != 0) {
        return false;
    }
    *topic += len;
    return true;
}

bool wire_topic_split(const char *topic, const char *operator_id, char *gateway,
                      const char **leaf) {
    if (!skip(&topic, root) || !skip(&topic, operator_id) || !skip(&topic, "/")) {
        return false;
    }
    const char *slash = strchr(topic, '/');
    const size_t len = slash ? (size_t)(slash - topic) : 0;
    if (len == 0 || len > WIRE_ID_MAX) {
        return false;
    }
    memcpy(gateway, topic, len);
    gateway[len] = '\0';
    *leaf = slash + 1;
    return wire_id_is_valid(gateway, WIRE_ID_MAX);
}

const char *wire_stream_text(enum wire_stream stream) {
    static const char *const names[] = {[WIRE_READINGS] = "readings",
                                        [WIRE_LEDGER] = "ledger",
                                        [WIRE_EVENTS] = "events",
                                        [WIRE_RESULTS] = "results"};
    return names[stream];
}

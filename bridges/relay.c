/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/relay.h"

#include <string.h>

static const struct {
    const char *word;
    enum relay_action relay;
    enum relay_action valve; /* a valve that is open lets through */
} words[] = {
    {"open", RELAY_OPEN, RELAY_CLOSE},      {"close", RELAY_CLOSE, RELAY_OPEN},
    {"permit", RELAY_PERMIT, RELAY_PERMIT}, {"status", RELAY_LOOK, RELAY_LOOK},
    {"alarm", RELAY_ALARM, RELAY_ALARM},    {"alarm-end", RELAY_ALARM_END, RELAY_ALARM_END},
    {"keep", RELAY_KEEP, RELAY_KEEP},       {"keep-end", RELAY_KEEP_END, RELAY_KEEP_END}};
enum { WORDS = sizeof words / sizeof *words };

bool relay_action_named(const char *word, bool is_valve, enum relay_action *out) {
    for (size_t i = 0; i < WORDS; i++) {
        if (strcmp(words[i].word, word) == 0) {
            *out = is_valve ? words[i].valve : words[i].relay;
            return true;
        }
    }
    return false;
}

const char *relay_action_text(enum relay_action action) {
    size_t i = 0;
    while (i < WORDS - 1 && words[i].relay != action) {
        i++;
    }
    return words[i].word;
}

const char *relay_state_text(enum relay_state state, bool is_valve) {
    return state == RELAY_UNKNOWN                 ? "unknown"
           : (state == RELAY_IS_OPEN) != is_valve ? "open"
                                                  : "closed";
}

const char *relay_answer_text(enum relay_answer answer) {
    static const char *const texts[] = {[RELAY_NOT_SENT] = "not_sent",
                                        [RELAY_NO_ANSWER] = "no_answer",
                                        [RELAY_ACKNOWLEDGED] = "acknowledged",
                                        [RELAY_REFUSED] = "refused"};
    return texts[answer];
}

const char *relay_verdict_text(enum relay_verdict verdict) {
    static const char *const texts[] = {[RELAY_UNDECIDED] = "undecided",
                                        [RELAY_VERIFIED] = "verified",
                                        [RELAY_NOT_DONE] = "not_done",
                                        [RELAY_CONTRADICTED] = "contradicted"};
    return texts[verdict];
}

static const char *undecided(enum relay_action action, enum relay_state state,
                             const struct relay_outcome *outcome) {
    if (action == RELAY_LOOK) {
        return state == RELAY_UNKNOWN ? "the device does not tell how it stands" : NULL;
    }
    switch (outcome->answer) {
    case RELAY_NOT_SENT:
        return "nothing was sent";
    case RELAY_NO_ANSWER:
        return "nobody answered the order, and nothing tells what it did";
    case RELAY_REFUSED:
        return "the device refused the order";
    case RELAY_ACKNOWLEDGED:
        break;
    }
    return "the device accepted the order, and nothing tells whether it did it";
}

const char *relay_fault(enum relay_action action, enum relay_state state,
                        const struct relay_outcome *outcome) {
    switch (outcome->verdict) {
    case RELAY_VERIFIED:
        return NULL;
    case RELAY_NOT_DONE:
        return outcome->answer == RELAY_ACKNOWLEDGED
                   ? "the device accepted the order and did not do it"
               : outcome->answer == RELAY_REFUSED
                   ? "the device refused the order"
                   : "nobody answered the order, and it was not done";
    case RELAY_CONTRADICTED:
        return "the device says that it is off, and something flows";
    case RELAY_UNDECIDED:
        break;
    }
    return undecided(action, state, outcome);
}

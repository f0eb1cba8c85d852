/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay orders and what became of them, in the words of people. Pure.
 *
 * People name what they see: an open relay is off, an open valve lets through. bridge.h names
 * all by the contact, so that the words of a valve are turned round here and nowhere else.
 */
#ifndef BRIDGES_RELAY_H
#define BRIDGES_RELAY_H

#include <stdbool.h>

#include "bridges/bridge.h"

/* The action of a word: open, close, permit, status, alarm, alarm-end, keep, keep-end. false:
 * it is none of them. */
bool relay_action_named(const char *word, bool is_valve, enum relay_action *out);

/* All static; never NULL. The action is named as of a relay. */
const char *relay_action_text(enum relay_action action);
const char *relay_state_text(enum relay_state state, bool is_valve);
const char *relay_answer_text(enum relay_answer answer);
const char *relay_verdict_text(enum relay_verdict verdict);

/* NULL when it went as ordered: an order was verified, a look has found a state that nothing
 * speaks against. Else a sentence (static). The device's refusal is the caller's to tell. */
const char *relay_fault(enum relay_action action, enum relay_state state,
                        const struct relay_outcome *outcome);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ledger/ledger_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/account.h"
#include "gateway/ledger/ledger_once.h"
#include "gateway/ledger/ledger_set.h"

enum { GROW = 64, NONE = -1 };

/* All that was ever charged at a tax rate. */
struct rate {
    int64_t ppm;
    int128 net;
    int128 tax;
};

/* An account in its tenancy. */
struct tally {
    int128 balance;
    int128 exact[ACCOUNT_UTILITIES]; /* 1e-12 of the currency */
    int128 net[ACCOUNT_UTILITIES];
    size_t rate_count;
    struct rate rates[ACCOUNT_TAXES_MAX];
};

/* A meter at an account. */
struct binding {
    char meter[ENTRY_ACCOUNT_MAX + 1];
    char account[ENTRY_ACCOUNT_MAX + 1];
    bool is_bound;
    struct meter_reading first;
    struct meter_reading through; /* charged up to here */
    int64_t rest;
    int64_t share_from_ppm;
    int64_t share_to_ppm;
    int128 counted;  /* since it was bound */
    int128 charged;  /* of it, to this account */
    int64_t sibling; /* another account's binding of this meter, NONE = no more */
};

struct ledger_check {
    struct ledger_set accounts; /* -> tallies */
    struct ledger_set pairs;    /* account and meter -> bindings */
    struct ledger_set meters;   /* -> the newest of its bindings */
    struct ledger_once once;
    size_t tally_count;
    struct tally *tallies;
    size_t binding_count;
    struct binding *bindings;
};

/* What one entry is looked at with. */
struct looking {
    struct ledger_check *check;
    const struct entry *entry;
    struct tally *tally;
    char *why;
};

/* --- memory ------------------------------------------------------------------------------ */

struct ledger_check *ledger_check_new(void) {
    return calloc(1, sizeof(struct ledger_check));
}

void ledger_check_free(struct ledger_check *check) {
    if (!check) {
        return;
    }
    ledger_set_done(&check->accounts);
    ledger_set_done(&check->pairs);
    ledger_set_done(&check->meters);
    ledger_once_done(&check->once);
    free(check->tallies);
    free(check->bindings);
    free(check);
}

/* Room for one more behind count of them. */
static enum gw_status make_room(void **rows, size_t count, size_t size) {
    void *more = count % GROW == 0 ? realloc(*rows, (count + GROW) * size) : *rows;
    *rows = more ? more : *rows;
    return more ? GW_OK : GW_ENOMEM;
}

static enum gw_status find_tally(struct looking *on) {
    struct ledger_check *check = on->check;
    const char *id = on->entry->account;
    const int64_t *found = ledger_set_find(&check->accounts, id, strlen(id));
    if (!found) {
        void *rows = check->tallies;
        if (make_room(&rows, check->tally_count, sizeof *check->tallies) != GW_OK) {
            return GW_ENOMEM;
        }
        check->tallies = rows;
        check->tallies[check->tally_count] = (struct tally){0};
        if (ledger_set_put(&check->accounts, id, strlen(id), (int64_t)check->tally_count) !=
            GW_OK) {
            return GW_ENOMEM;
        }
        on->tally = &check->tallies[check->tally_count++];
        return GW_OK;
    }
    on->tally = &check->tallies[*found];
    return GW_OK;
}

/* --- money ------------------------------------------------------------------------------- */

static enum gw_status check_balance(struct looking *on) {
    const struct entry *entry = on->entry;
    const int128 after = on->tally->balance + entry->amount_micro;
    if (after != entry->balance_after) {
        return LEDGER_BROKEN(
            on->why, "the balance is said to be %s after it, but %s and %s make %s",
            ledger_said(entry->balance_after).text, ledger_said(on->tally->balance).text,
            ledger_said(entry->amount_micro).text, ledger_said(after).text);
    }
    on->tally->balance = after;
    return GW_OK;
}

static struct rate *find_rate(struct tally *tally, int64_t ppm) {
    size_t i = 0;
    while (i < tally->rate_count && tally->rates[i].ppm != ppm) {
        i++;
    }
    if (i == ACCOUNT_TAXES_MAX) {
        return NULL;
    }
    if (i == tally->rate_count) {
        tally->rates[tally->rate_count++] = (struct rate){.ppm = ppm};
    }
    return &tally->rates[i];
}

static enum gw_status check_tax(struct looking *on, const struct entry_tax *tax) {
    struct rate *rate = find_rate(on->tally, tax->ppm);
    if (!rate) {
        return LEDGER_BROKEN(on->why, "there are more than %d tax rates in one tenancy",
                             ACCOUNT_TAXES_MAX);
    }
    rate->net += tax->net_micro;
    rate->tax += tax->tax_micro;
    const int128 due = money_floor_divide(rate->net * tax->ppm, MONEY_PPM);
    if (rate->tax != due) {
        return LEDGER_BROKEN(
            on->why, "with it the tax at %s %% is %s in all, but of %s it is %s",
            ledger_said((int128)tax->ppm * 100).text, ledger_said(rate->tax).text,
            ledger_said(rate->net).text, ledger_said(due).text);
    }
    if (rate->net * tax->ppm != due * MONEY_PPM + tax->residual_after) {
        return LEDGER_BROKEN(on->why, "the residual of the tax at %s %% is not what is left",
                             ledger_said((int128)tax->ppm * 100).text);
    }
    return GW_OK;
}

static enum gw_status check_charge(struct looking *on) {
    const struct entry *entry = on->entry;
    int128 net = 0;
    int128 tax = 0;
    for (size_t i = 0; i < entry->tax_count; i++) {
        const enum gw_status status = check_tax(on, &entry->taxes[i]);
        if (status != GW_OK) {
            return status;
        }
        net += entry->taxes[i].net_micro;
        tax += entry->taxes[i].tax_micro;
    }
    if (net != entry->net_micro || tax != entry->tax_micro) {
        return LEDGER_BROKEN(
            on->why, "net %s and tax %s are not the sums over the rates, %s and %s",
            ledger_said(entry->net_micro).text, ledger_said(entry->tax_micro).text,
            ledger_said(net).text, ledger_said(tax).text);
    }
    if ((int128)entry->amount_micro != -(net + tax)) {
        return LEDGER_BROKEN(on->why, "the amount %s is not net %s and tax %s taken off",
                             ledger_said(entry->amount_micro).text, ledger_said(net).text,
                             ledger_said(tax).text);
    }
    return GW_OK;
}

static enum gw_status check_line(struct looking *on, size_t i) {
    const struct entry_line *line = &on->entry->lines[i];
    const int128 product = (int128)line->quantity_micro * line->price_micro;
    if (!line->is_repricing && line->exact != product) {
        return LEDGER_BROKEN(on->why, "line %zu is not %s at %s", i + 1,
                             ledger_said(line->quantity_micro).text,
                             ledger_said(line->price_micro).text);
    }
    on->tally->exact[on->entry->range.utility] += line->exact;
    return GW_OK;
}

static enum gw_status check_lines(struct looking *on) {
    const struct entry *entry = on->entry;
    struct tally *tally = on->tally;
    const size_t utility = (size_t)entry->range.utility;
    int128 quantity = 0;
    for (size_t i = 0; i < entry->line_count; i++) {
        const enum gw_status status = check_line(on, i);
        if (status != GW_OK) {
            return status;
        }
        quantity += entry->lines[i].is_repricing ? 0 : entry->lines[i].quantity_micro;
    }
    if (quantity != entry->range.quantity_micro) {
        return LEDGER_BROKEN(on->why, "the lines have %s in all, the register range %s",
                             ledger_said(quantity).text,
                             ledger_said(entry->range.quantity_micro).text);
    }
    tally->net[utility] += entry->net_micro;
    if (tally->exact[utility] != tally->net[utility] * MONEY_PPM + entry->residual_after) {
        return LEDGER_BROKEN(on->why, "net %s and the residual do not follow from the lines",
                             ledger_said(entry->net_micro).text);
    }
    return GW_OK;
}

/* --- meters ------------------------------------------------------------------------------ */

enum { PAIR_MAX = 2 * ENTRY_ACCOUNT_MAX + 1 };

/* The account and the meter as one key: neither holds a newline. */
static size_t pair_of(const struct entry *entry, char *pair) {
    return (size_t)snprintf(pair, PAIR_MAX + 1, "%s\n%s", entry->account, entry->range.meter);
}

static struct binding *find_binding(struct looking *on) {
    char pair[PAIR_MAX + 1];
    const size_t len = pair_of(on->entry, pair);
    const int64_t *found = ledger_set_find(&on->check->pairs, pair, len);
    return found ? &on->check->bindings[*found] : NULL;
}

/* A binding that was never seen joins the others of its meter. */
static enum gw_status add_binding(struct looking *on, struct binding **out) {
    struct ledger_check *check = on->check;
    char pair[PAIR_MAX + 1];
    const size_t len = pair_of(on->entry, pair);
    const char *meter = on->entry->range.meter;
    const int64_t number = (int64_t)check->binding_count;
    void *rows = check->bindings;
    if (make_room(&rows, check->binding_count, sizeof *check->bindings) != GW_OK) {
        return GW_ENOMEM;
    }
    check->bindings = rows;
    struct binding *binding = &check->bindings[number];
    *binding = (struct binding){.sibling = NONE};
    (void)snprintf(binding->meter, sizeof binding->meter, "%s", meter);
    (void)snprintf(binding->account, sizeof binding->account, "%s", on->entry->account);
    const int64_t *first = ledger_set_find(&check->meters, meter, strlen(meter));
    if (first) { /* behind the first: that one keeps its place */
        binding->sibling = check->bindings[*first].sibling;
        check->bindings[*first].sibling = number;
    } else if (ledger_set_put(&check->meters, meter, strlen(meter), number) != GW_OK) {
        return GW_ENOMEM;
    }
    check->binding_count++;
    *out = binding;
    return ledger_set_put(&check->pairs, pair, len, number);
}

/* The first of a meter's bindings; then each one's sibling. */
static const struct binding *first_of(const struct looking *on) {
    const char *meter = on->entry->range.meter;
    const int64_t *first = ledger_set_find(&on->check->meters, meter, strlen(meter));
    return first ? &on->check->bindings[*first] : NULL;
}

static const struct binding *next_of(const struct looking *on, const struct binding *binding) {
    return binding->sibling == NONE ? NULL : &on->check->bindings[binding->sibling];
}

static bool is_same_reading(const struct meter_reading *a, const struct meter_reading *b) {
    return a->register_micro == b->register_micro && a->at_ms == b->at_ms &&
           a->multiplier_micro == b->multiplier_micro;
}

static enum gw_status check_initial(struct looking *on) {
    const struct entry_range *range = &on->entry->range;
    for (const struct binding *other = first_of(on); other; other = next_of(on, other)) {
        if (other->is_bound && other->share_from_ppm < range->share_to_ppm &&
            range->share_from_ppm < other->share_to_ppm) {
            return LEDGER_BROKEN(on->why, "meter %s is charged to account %s already",
                                 range->meter, other->account);
        }
    }
    if (!is_same_reading(&range->from, &range->to)) {
        return LEDGER_BROKEN(on->why, "meter %s comes with a range that is charged to nobody",
                             range->meter);
    }
    struct binding *binding = find_binding(on);
    const enum gw_status status = binding ? GW_OK : add_binding(on, &binding);
    if (status != GW_OK) {
        return status;
    }
    binding->is_bound = true;
    binding->first = binding->through = range->to;
    binding->rest = 0;
    binding->share_from_ppm = range->share_from_ppm;
    binding->share_to_ppm = range->share_to_ppm;
    binding->counted = binding->charged = 0;
    return GW_OK;
}

static enum gw_status check_contiguous(struct looking *on, const struct binding *binding) {
    const struct entry_range *range = &on->entry->range;
    if (!binding || !binding->is_bound) {
        return LEDGER_BROKEN(on->why, "meter %s is not bound to the account", range->meter);
    }
    if (!is_same_reading(&range->from, &binding->through)) {
        return LEDGER_BROKEN(
            on->why, "the range of meter %s begins at register %s, but is charged up to %s",
            range->meter, ledger_said(range->from.register_micro).text,
            ledger_said(binding->through.register_micro).text);
    }
    return GW_OK;
}

/* What the account has to pay of all that the meter counted. */
static int128 part_of(const struct binding *binding) {
    return money_floor_divide(binding->counted * binding->share_to_ppm, MONEY_PPM) -
           money_floor_divide(binding->counted * binding->share_from_ppm, MONEY_PPM);
}

/* Those who share a meter and are charged up to the same register: for all that it counted. A
 * part that falls back by one unit when its meter leaves counts as nothing. */
static enum gw_status check_whole(struct looking *on, const struct binding *binding) {
    int64_t shares_ppm = 0;
    int64_t left = 0;
    int128 charged = 0;
    for (const struct binding *other = first_of(on); other; other = next_of(on, other)) {
        if (other->is_bound && other->counted == binding->counted &&
            is_same_reading(&other->first, &binding->first) &&
            is_same_reading(&other->through, &binding->through)) {
            shares_ppm += other->share_to_ppm - other->share_from_ppm;
            charged += other->charged;
            left += other->charged != part_of(other);
        }
    }
    if (shares_ppm == MONEY_PPM && charged != binding->counted + left) {
        return LEDGER_BROKEN(on->why, "the parts of meter %s add up to %s, it counted %s",
                             binding->meter, ledger_said(charged).text,
                             ledger_said(binding->counted).text);
    }
    return GW_OK;
}

static enum gw_status check_range(struct looking *on) {
    const struct entry_range *range = &on->entry->range;
    struct binding *binding = find_binding(on);
    const enum gw_status status = check_contiguous(on, binding);
    if (status != GW_OK) {
        return status;
    }
    const int128 moved = (int128)range->to.register_micro - range->from.register_micro;
    const int128 counted = (int128)range->meter_micro * MICRO + range->rest;
    if (moved >= 0 && moved * range->from.multiplier_micro + binding->rest != counted) {
        return LEDGER_BROKEN(on->why, "meter %s moved by %s, but is said to have counted %s",
                             range->meter, ledger_said(moved).text,
                             ledger_said(range->meter_micro).text);
    }
    binding->through = range->to;
    binding->rest = range->rest;
    binding->counted += range->meter_micro;
    binding->charged += range->quantity_micro;
    const int128 above = binding->charged - part_of(binding);
    if (above != 0 && (above != 1 || range->quantity_micro != 0)) {
        return LEDGER_BROKEN(on->why,
                             "with it %s of meter %s are charged, the account's part is %s",
                             ledger_said(binding->charged).text, range->meter,
                             ledger_said(part_of(binding)).text);
    }
    return check_whole(on, binding);
}

static enum gw_status check_final(struct looking *on) {
    struct binding *binding = find_binding(on);
    const enum gw_status status = check_contiguous(on, binding);
    if (status != GW_OK) {
        return status;
    }
    if (on->entry->range.to.register_micro != on->entry->range.from.register_micro) {
        return LEDGER_BROKEN(on->why, "meter %s leaves at register %s, but is charged up to %s",
                             binding->meter,
                             ledger_said(on->entry->range.to.register_micro).text,
                             ledger_said(binding->through.register_micro).text);
    }
    binding->is_bound = false;
    return GW_OK;
}

static enum gw_status check_once(struct looking *on) {
    return ledger_once_next(&on->check->once, on->entry, on->why);
}

/* --- the door ---------------------------------------------------------------------------- */

typedef enum gw_status look(struct looking *on);

static enum gw_status look_at(struct looking *on, look *const *looks, size_t count) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < count && looks[i]; i++) {
        status = looks[i](on);
    }
    return status;
}

enum gw_status ledger_check_next(struct ledger_check *check, const struct entry *entry,
                                 /* NOLINTNEXTLINE(readability-non-const-parameter): written */
                                 char *why) {
    static look *const everywhere[] = {check_balance, check_once};
    static look *const by_kind[][3] = {
        [ENTRY_DEBIT_ENERGY] = {check_range, check_lines, check_charge},
        [ENTRY_DEBIT_FIXED] = {check_charge},
        [ENTRY_METER_INITIAL] = {check_initial},
        [ENTRY_METER_FINAL] = {check_final},
        [ENTRY_POLICY] = {NULL},
    };
    struct looking on = {.check = check, .entry = entry, .why = why};
    enum gw_status status = find_tally(&on);
    if (status == GW_OK && entry->kind == ENTRY_OPEN) {
        *on.tally = (struct tally){.balance = on.tally->balance};
    }
    if (status == GW_OK) {
        status = look_at(&on, everywhere, sizeof everywhere / sizeof *everywhere);
    }
    return status == GW_OK ? look_at(&on, by_kind[entry->kind], 3) : status;
}

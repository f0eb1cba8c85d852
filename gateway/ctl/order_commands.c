/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator may order, from words to bodies. Whether an order can be is said by reading
 * it as the gateway will (order.c), so that here only the words are checked.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/core/money.h"
#include "gateway/ctl/order.h"
#include "gateway/tariffs/tariffs.h"

static bool complain(const char *subject, const char *fault) {
    (void)fprintf(stderr, "metergatectl: %s: %s\n", subject, fault);
    return false;
}

/* --- words ------------------------------------------------------------------------------- */

/* "12.5", exactly. NULL text: nothing is asked for, *micro stays. */
static bool read_amount(const char *name, const char *text, int64_t *micro) {
    if (!text) {
        return true;
    }
    const enum gw_status status = money_parse(text, micro);
    return status == GW_OK ||
           complain(name, status == GW_ERANGE ? "is too large"
                                              : "is no decimal of at most six places");
}

/* The same, and it must be above 0. */
static bool read_positive(const char *name, const char *text, int64_t *micro) {
    if (!read_amount(name, text, micro)) {
        return false;
    }
    return !text || *micro > 0 || complain(name, "must be above 0");
}

static bool read_text(const char *name, const char *text, size_t max, char *out) {
    if (!text) {
        return true;
    }
    if (strlen(text) > max) {
        return complain(name, "is too long");
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* The place of a word in "one|two|three"; NULL: the first. */
static bool read_word(const char *name, const char *text, const char *words, unsigned *index) {
    *index = 0;
    const size_t len = text ? strlen(text) : 0;
    for (const char *word = words; text; (*index)++) {
        const size_t word_len = strcspn(word, "|");
        if (word_len == len && strncmp(word, text, len) == 0) {
            return true;
        }
        if (word[word_len] == '\0') {
            (void)fprintf(stderr, "metergatectl: %s: must be one of %s\n", name, words);
            return false;
        }
        word += word_len + 1;
    }
    return true;
}

static bool read_subject(const struct ctl_options *options, const char *account,
                         struct wire_subject *out) {
    out->tenancy = (uint32_t)options->tenancy;
    return read_text("ACCOUNT", account, WIRE_ACCOUNT_MAX, out->account);
}

/* --- money ------------------------------------------------------------------------------- */

enum gw_exit ctl_credit(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    unsigned origin;
    if (!order_begin(options, WIRE_ORDER_CREDIT, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_credit *credit = &order.of.credit;
    if (!read_subject(options, arguments[0], &credit->subject) ||
        !read_positive("AMOUNT", arguments[1], &credit->amount_micro) ||
        !read_word("--origin", options->origin, WIRE_ORIGINS, &origin)) {
        return GW_EXIT_USAGE;
    }
    if (options->seller && !options->voucher_number) {
        (void)complain("--seller", "needs a --voucher-number");
        return GW_EXIT_USAGE;
    }
    credit->origin = options->origin ? WIRE_ORIGIN_ONLINE + origin : WIRE_ORIGIN_CASH;
    credit->has_voucher = options->voucher_number > 0;
    credit->voucher = (struct wire_voucher_key){.seller = (uint32_t)options->seller,
                                                .number = (uint64_t)options->voucher_number};
    return order_send(options, &order);
}

enum gw_exit ctl_reverse(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    if (!order_begin(options, WIRE_ORDER_REVERSAL, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_reversal *reversal = &order.of.reversal;
    reversal->has_target = true;
    if (!wire_order_id_parse(arguments[0], reversal->target_id)) {
        (void)complain("ORDER", "is no order id, such as 01890a5d-ac96-774b-bcce-b302099a8057");
        return GW_EXIT_USAGE;
    }
    if (!read_positive("--amount", options->amount, &reversal->amount_micro) ||
        !read_text("--reason", options->reason, WIRE_REASON_MAX, reversal->reason)) {
        return GW_EXIT_USAGE;
    }
    return order_send(options, &order);
}

enum gw_exit ctl_adjust(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    if (!order_begin(options, WIRE_ORDER_ADJUST, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_adjust *adjust = &order.of.adjust;
    if (!options->reason || !*options->reason) {
        (void)complain("--reason", "is needed: it stands in the ledger");
        return GW_EXIT_USAGE;
    }
    if (!read_subject(options, arguments[0], &adjust->subject) ||
        !read_amount("AMOUNT", arguments[1], &adjust->amount_micro) ||
        !read_text("--reason", options->reason, WIRE_REASON_MAX, adjust->reason)) {
        return GW_EXIT_USAGE;
    }
    return order_send(options, &order);
}

enum gw_exit ctl_refund(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    if (!order_begin(options, WIRE_ORDER_REFUND, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_refund *refund = &order.of.refund;
    if (!read_subject(options, arguments[0], &refund->subject) ||
        !read_positive("--amount", options->amount, &refund->amount_micro) ||
        !read_text("--reason", options->reason, WIRE_REASON_MAX, refund->reason)) {
        return GW_EXIT_USAGE;
    }
    return order_send(options, &order);
}

/* --- tenancies --------------------------------------------------------------------------- */

static enum gw_exit send_tenancy(const struct ctl_options *options, const char *account,
                                 enum wire_tenancy_step step) {
    struct wire_order order;
    unsigned mode;
    if (!order_begin(options, WIRE_ORDER_TENANCY, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_tenancy *tenancy = &order.of.tenancy;
    if (!read_subject(options, account, &tenancy->subject) ||
        !read_word("--mode", options->mode, ACCOUNT_MODES, &mode)) {
        return GW_EXIT_USAGE;
    }
    tenancy->step = step;
    tenancy->mode = (enum account_mode)mode;
    return order_send(options, &order);
}

enum gw_exit ctl_tenancy_open(const struct ctl_options *options, char **arguments) {
    return send_tenancy(options, arguments[0], WIRE_TENANCY_OPEN);
}

enum gw_exit ctl_tenancy_close(const struct ctl_options *options, char **arguments) {
    return send_tenancy(options, arguments[0], WIRE_TENANCY_CLOSE);
}

enum gw_exit ctl_mode(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    unsigned mode;
    if (!order_begin(options, WIRE_ORDER_ACCOUNT_MODE, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_account_mode *change = &order.of.account_mode;
    if (!read_subject(options, arguments[0], &change->subject) ||
        !read_word("MODE", arguments[1], ACCOUNT_MODES, &mode) ||
        !read_amount("--amount", options->amount, &change->opening_micro)) {
        return GW_EXIT_USAGE;
    }
    change->mode = (enum account_mode)mode;
    return order_send(options, &order);
}

/* --- meters ------------------------------------------------------------------------------ */

static bool read_face(const char *name, const char *text, bool *has, struct wire_face *out) {
    *has = text != NULL;
    return read_amount(name, text, &out->register_micro);
}

static bool read_settings(const struct ctl_options *options, struct wire_bind_settings *out) {
    unsigned utility;
    *out = (struct wire_bind_settings){.multiplier_micro = MICRO, .share_to_ppm = MONEY_PPM};
    const bool good =
        read_word("--utility", options->utility, TARIFF_UTILITIES, &utility) &&
        read_text("--source", options->source, TARIFF_NAME_MAX, out->source) &&
        read_positive("--multiplier", options->multiplier, &out->multiplier_micro) &&
        read_positive("--modulus", options->modulus, &out->modulus_micro) &&
        read_positive("--max-power", options->max_power, &out->max_power_micro);
    out->utility = (enum tariff_utility)utility;
    return good;
}

/* names: account, meter, perhaps the meter that comes. */
static enum gw_exit send_bind(const struct ctl_options *options, char **names,
                              enum wire_bind_step step) {
    struct wire_order order;
    if (!order_begin(options, WIRE_ORDER_METER_BIND, &order)) {
        return GW_EXIT_USAGE;
    }
    struct wire_bind *bind = &order.of.meter_bind;
    bind->step = step;
    if (step == WIRE_METER_SWAP && (!options->final || !options->initial)) {
        (void)complain("meter swap", "needs what the old meter shows last and the new one "
                                     "first: --final and --initial");
        return GW_EXIT_USAGE;
    }
    const char *comes = step == WIRE_METER_SWAP ? (names[2] ? names[2] : names[1]) : NULL;
    if (!read_subject(options, names[0], &bind->subject) ||
        !read_text("METER", names[1], WIRE_ACCOUNT_MAX, bind->meter) ||
        !read_text("NEW", comes, WIRE_ACCOUNT_MAX, bind->new_meter) ||
        !read_face("--final", options->final, &bind->has_final, &bind->final) ||
        !read_face("--initial", options->initial, &bind->has_initial, &bind->initial) ||
        !read_settings(options, &bind->settings)) {
        return GW_EXIT_USAGE;
    }
    return order_send(options, &order);
}

enum gw_exit ctl_meter_bind(const struct ctl_options *options, char **arguments) {
    return send_bind(options, arguments, WIRE_METER_BIND);
}

enum gw_exit ctl_meter_unbind(const struct ctl_options *options, char **arguments) {
    return send_bind(options, arguments, WIRE_METER_UNBIND);
}

enum gw_exit ctl_meter_swap(const struct ctl_options *options, char **arguments) {
    return send_bind(options, arguments, WIRE_METER_SWAP);
}

/* --- tariffs ----------------------------------------------------------------------------- */

static bool load_tariff(const char *path, struct tariff_file *out) {
    struct fault_list faults;
    faults_init(&faults);
    const enum gw_status status = tariffs_load(path, &faults, out);
    for (size_t i = 0; i < faults.count; i++) {
        (void)fprintf(stderr, "%s\n", faults.lines[i]);
    }
    faults_done(&faults);
    return status == GW_OK;
}

enum gw_exit ctl_tariff_push(const struct ctl_options *options, char **arguments) {
    struct wire_order order;
    struct tariff_file file;
    _Static_assert((int)WIRE_ZONE_MAX >= (int)ZONE_NAME_MAX &&
                       (int)WIRE_TARIFF_DAYS_MAX >= (int)TARIFFS_DAYS_MAX,
                   "a message holds whatever a file may");
    if (!order_begin(options, WIRE_ORDER_TARIFF, &order)) {
        return GW_EXIT_USAGE;
    }
    if (!load_tariff(arguments[0], &file)) {
        return GW_EXIT_FAILED;
    }
    struct wire_tariff *tariff = &order.of.tariff;
    tariff->tariff = file.tariff;
    /* a file that names none gets one that rises by itself; the same when it is repeated */
    if (tariff->tariff.revision == 0) {
        tariff->tariff.revision = wire_order_id_ms(order.order_id);
    }
    memcpy(tariff->zone, file.zone, strlen(file.zone) + 1);
    tariff->day_count = file.day_count;
    memcpy(tariff->days, file.days, file.day_count * sizeof *file.days);
    return order_send(options, &order);
}

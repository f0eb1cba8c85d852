/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergatectl: what its commands share, and the commands. A command gets the options and its
 * own arguments, prints its result on stdout and what went wrong on stderr, and answers with
 * the exit code of the program (which leaves by _exit).
 */
#ifndef GATEWAY_CTL_CTL_H
#define GATEWAY_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/status.h"

/* As given on the command line; NULL, false and 0 = not given. */
struct ctl_options {
    const char *broker;
    bool plaintext_on_loopback;
    const char *ca;
    const char *cert;
    const char *key;
    const char *operator_id;
    const char *gateway;
    const char *signing_key;
    const char *local;
    bool json;
    int64_t timeout_ms;
    const char *role;
    int64_t key_id;
    bool explain;
    bool csv;
    const char *account;
    const char *from;
    const char *to;
    const char *zone;
    const char *day;
    const char *month;
    /* of orders */
    const char *site;
    const char *gateway_key;
    const char *actor;
    const char *order_id;
    int64_t seq;
    int64_t tenancy;
    const char *reason;
    const char *origin;
    int64_t voucher_number;
    int64_t seller;
    const char *amount;
    const char *mode;
    const char *utility;
    const char *source;
    const char *initial;
    const char *final;
    const char *multiplier;
    const char *modulus;
    const char *max_power;
};

/* keygen FILE: makes a signing key, prints what the gateway's configuration needs of it. */
enum gw_exit ctl_keygen(const struct ctl_options *options, char **arguments);

/* rate [FILE]: tariff cases, one JSON object a line (standard input without FILE); prints one
 * answer a line, {"error": ...} where a case cannot be worked out, and fails then. */
enum gw_exit ctl_rate(const struct ctl_options *options, char **arguments);

/* ledger verify|export DB: of a gateway that does not run, or of a snapshot. verify names the
 * first entry that is wrong and leaves with GW_EXIT_DATA; export prints statements, or one
 * line of CSV for each line of them. */
enum gw_exit ctl_ledger(const struct ctl_options *options, char **arguments);

/* watch: prints what gateways send until Ctrl-C or --timeout. */
enum gw_exit ctl_watch(const struct ctl_options *options, char **arguments);

/* relay METER ACTION: orders a relay or valve over the local socket and waits for what became
 * of it. Done is only what was verified. */
enum gw_exit ctl_relay(const struct ctl_options *options, char **arguments);

/* unlock METER: a person has looked why the meter refuses our passwords; it may be ordered
 * again. */
enum gw_exit ctl_unlock(const struct ctl_options *options, char **arguments);
/* Orders: each is signed with --signing-key, sent over MQTT and waits for the gateway's signed
 * result. Done is OK and DUPLICATE. What was lost on the way is repeated by its --order-id and
 * --seq, and applied once all the same. */
enum gw_exit ctl_credit(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_reverse(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_adjust(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_refund(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_tariff_push(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_tenancy_open(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_tenancy_close(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_meter_bind(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_meter_unbind(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_meter_swap(const struct ctl_options *options, char **arguments);
enum gw_exit ctl_mode(const struct ctl_options *options, char **arguments);
/* snapshot FILE: has the gateway on this machine copy its store, while it goes on. */
enum gw_exit ctl_snapshot(const struct ctl_options *options, char **arguments);

/* statement ACCOUNT: a day or a month of it, by band and tier, from the ledger of the gateway
 * on this machine; one that does not add up is refused with GW_EXIT_DATA. */
enum gw_exit ctl_statement(const struct ctl_options *options, char **arguments);

/* status: of a gateway, over its local socket or over MQTT. */
enum gw_exit ctl_status(const struct ctl_options *options, char **arguments);

#endif

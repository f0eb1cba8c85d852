/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lasting count of passwords that meters did not accept: FILE.refused beside the credential
 * file, mode 0600, one line a meter, "ADDRESS STRIKES REFUSED FINGERPRINT". A person who has
 * mended the password and asked the meter's maker takes the line out.
 */
#ifndef BRIDGES_CLI_RELAY_RECORD_H
#define BRIDGES_CLI_RELAY_RECORD_H

#include <stdbool.h>

#include "bridges/credential.h"

/* The name of a meter's record: its address without zeros in front, however many were typed. */
const char *relay_record_key(const char *address);

/* The record of one meter; all zero where there is none. false: a file that cannot be read or
 * makes no sense, and then nothing is known. */
bool relay_record_load(const char *credentials, const char *address, struct lockout *out);

/* Brings the record to disk where it differs from what is there; call it before every exchange,
 * so that what counts a password is written before that goes out. credentials NULL: there is
 * none. false: it could not be written, and nothing may be sent. */
bool relay_record_keep(const char *credentials, const char *address, const struct lockout *now,
                       struct lockout *stored);

/* On disk when it answers true. */
bool relay_record_store(const char *credentials, const char *address,
                        const struct lockout *lockout);

#endif

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

/* The record of one meter; all zero where there is none. false: a file that cannot be read or
 * makes no sense, and then nothing is known. */
bool relay_record_load(const char *credentials, const char *address, struct lockout *out);

/* On disk when it answers true. */
bool relay_record_store(const char *credentials, const char *address,
                        const struct lockout *lockout);

#endif

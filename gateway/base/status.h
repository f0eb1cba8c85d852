/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function of gateway/ may answer, and what a program of ours exits with. 0 is success;
 * every other value has a text, and both come from the one list below. Pure.
 */
#ifndef GATEWAY_BASE_STATUS_H
#define GATEWAY_BASE_STATUS_H

#include "bridges/base/status.h" /* MUST_CHECK */

#define GW_STATUS_MAP(X)                                                                       \
    X(OK, "ok")                                                                                \
    X(NONE, "there is none")                                                                   \
    X(EEXISTS, "it is there already")                                                          \
    X(EFULL, "no room")                                                                        \
    X(ECLOSED, "closed")                                                                       \
    X(EINVALID, "not a valid message")                                                         \
    X(ETOOLONG, "too long")                                                                    \
    X(ERANGE, "the value is out of range")                                                     \
    X(EKEY, "signed with a key that is not known for this")                                    \
    X(ESIGNATURE, "the signature is wrong or missing")                                         \
    X(EFOREIGN, "meant for another gateway")                                                   \
    X(ENOMEM, "out of memory")                                                                 \
    X(EBUSY, "in use by another process")                                                      \
    X(EPERMISSION, "permissions are wrong")                                                    \
    X(ECONFIG, "the configuration is wrong")                                                   \
    X(ENEWER, "written by a newer version of this program")                                    \
    X(EDAMAGED, "the database is damaged")                                                     \
    X(ENOSPACE, "the disk is full")                                                            \
    X(ESTORAGE, "the storage failed")                                                          \
    X(EUNKNOWN, "the storage failed at a commit: its outcome is unknown")                      \
    X(ENETWORK, "the network failed")

enum gw_status {
#define X(name, text) GW_##name,
    GW_STATUS_MAP(X)
#undef X
};

const char *gw_status_text(enum gw_status status);

/* sysexits(3), as far as we use them */
enum gw_exit {
    GW_EXIT_OK = 0,
    GW_EXIT_FAILED = 1,
    GW_EXIT_USAGE = 64,
    GW_EXIT_DATA = 65,            /* the database is damaged: a person must look */
    GW_EXIT_STORAGE_UNKNOWN = 74, /* outcome of a commit unknown: restart and look up */
    GW_EXIT_BUSY = 75,            /* another instance runs */
    GW_EXIT_PERMISSION = 77,
    GW_EXIT_CONFIG = 78
};

/* The exit code that a status means at start and in the store. */
enum gw_exit gw_status_exit(enum gw_status status);

#endif

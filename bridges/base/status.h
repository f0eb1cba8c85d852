/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function of bridges/ may answer. 0 is success; every other value has a text, and
 * both come from the one list below. Pure.
 */
#ifndef BRIDGES_BASE_STATUS_H
#define BRIDGES_BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

#define BRIDGE_STATUS_MAP(X)                                                                   \
    X(OK, "ok")                                                                                \
    X(DONE, "nothing more to do")                                                              \
    X(MORE, "more bytes are needed")                                                           \
    X(EFRAME, "not a frame of this protocol")                                                  \
    X(ECHECKSUM, "checksum is wrong")                                                          \
    X(EMISMATCH, "the frame answers another request")                                          \
    X(EREFUSED, "the device refused the request")                                              \
    X(ETIMEOUT, "no answer in time")                                                           \
    X(EBABBLE, "the line never falls silent")                                                  \
    X(EECHO, "the echo of the line is not what was sent")                                      \
    X(EBUSY, "the port is held by another program")                                            \
    X(EGONE, "the port is gone")                                                               \
    X(EPORT, "the port does not do what was asked of it")                                      \
    X(EINVALID, "the value is no measurement")                                                 \
    X(ERANGE, "the value is out of range")                                                     \
    X(ENOMEM, "out of memory")                                                                 \
    X(ECONFIG, "the configuration is wrong")

enum bridge_status {
#define X(name, text) BRIDGE_##name,
    BRIDGE_STATUS_MAP(X)
#undef X
};

/* The text of a status; never NULL, static storage. */
const char *bridge_status_text(enum bridge_status status);

#endif

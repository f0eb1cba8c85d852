#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pure objects import strings, memory, assert's failure call and compiler helpers, and each
# other; wire encoding also what protobuf-c generates and packs with.
#
# usage: check_pure.sh OBJECT...
set -eu
[ $# -gt 0 ] || { echo "no objects given"; exit 1; }

allowed='^(mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr|rchr|spn|cspn|str)|qsort|__assert_fail|__stack_chk_fail|__[a-z]+ti[0-9]?|_GLOBAL_OFFSET_TABLE_)$'
wire='^(protobuf_c_message_[a-z_]+|metergate__v1__[a-z_0-9]+)$'

defined=$(nm --defined-only -g "$@" | awk 'NF == 3 { print $3 }' | sort -u)
bad=0
for object in "$@"; do
    for symbol in $(nm -u "$object" | awk '{ print $2 }'); do
        if echo "$symbol" | grep -Eq "$allowed"; then continue; fi
        if echo "$defined" | grep -qx "$symbol"; then continue; fi
        case $object in *wire_*) if echo "$symbol" | grep -Eq "$wire"; then continue; fi ;; esac
        echo "$object imports $symbol: not pure"
        bad=1
    done
done
[ $bad -eq 0 ] && echo "$# objects are pure"
exit $bad

#!/bin/sh
# pedantic.sh: the warnings that the build leaves out, in a pass of their own (see util/base.h).
cd "$(dirname "$0")/../.." || exit 1
out=$(find src -name '*.c' | xargs -P 2 -n 8 sh -c '
    for f; do $CC $CPPFLAGS $CFLAGS -Wpedantic -DRELAIS_PEDANTIC -fsyntax-only "$f" 2>&1; done' sh)
if [ -n "$out" ]; then
    printf '%s\n' "$out" | head -50
    exit 1
fi
echo "pedantic: no warning"

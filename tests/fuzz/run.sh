#!/bin/sh
# run.sh SECONDS PROGRAM...: runs each fuzz target for so long over its kept corpus, as many at
# a time as there are processors.
set -u

fuzz_one() {
    name=$(basename "$2" | sed 's/^fuzz_//')
    work=$(dirname "$2")/work-$name
    kept=tests/fuzz/corpus/$name
    mkdir -p "$work" "$kept"
    if out=$(ASAN_OPTIONS=detect_leaks=0 "$2" -max_total_time="$1" -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix="$work/crash-" -verbosity=1 "$work" "$kept" 2>&1); then
        echo "$name: $(printf '%s\n' "$out" | sed -n 's/^Done \([0-9]*\) runs.*/\1 runs/p')"
    else
        printf '%s: FAILED\n%s\n' "$name" "$out" | tail -60
    fi
}

if [ "$1" = --one ]; then
    fuzz_one "$2" "$3"
    exit 0
fi
seconds=$1
shift
report=$(mktemp)
trap 'rm -f "$report"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0" --one "$seconds" | tee "$report"
passed=$(grep -c '^[a-z_0-9]*: [0-9]* runs$' "$report")
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

#!/bin/sh
# run.sh SECONDS PROGRAM...: runs each fuzz target for so long over its kept corpus.
seconds=$1
shift
passed=0
failed=0
for program in "$@"; do
    name=$(basename "$program" | sed 's/^fuzz_//')
    work=$(dirname "$program")/work-$name
    kept=tests/fuzz/corpus/$name
    mkdir -p "$work" "$kept"
    if out=$(ASAN_OPTIONS=detect_leaks=0 "$program" -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix="$work/crash-" -verbosity=1 "$work" "$kept" 2>&1); then
        passed=$((passed + 1))
        echo "$name: $(printf '%s\n' "$out" | sed -n 's/^Done \([0-9]*\) runs.*/\1 runs/p')"
    else
        failed=$((failed + 1))
        printf '%s: FAILED\n%s\n' "$name" "$out" | tail -60
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

#!/bin/sh
# Runs every unit test program given; ends with the totals of all.
passed=0
failed=0
for program in "$@"; do
    out=$(CMOCKA_MESSAGE_OUTPUT=TAP "$program" 2>&1) || failed=$((failed + 1))
    ok=$(printf '%s\n' "$out" | grep -c '^ok ')
    bad=$(printf '%s\n' "$out" | grep -c '^not ok ')
    passed=$((passed + ok))
    if [ "$bad" -gt 0 ] || ! printf '%s\n' "$out" | grep -q '^ok '; then
        printf '%s:\n%s\n' "$program" "$out"
        failed=$((failed + bad))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]

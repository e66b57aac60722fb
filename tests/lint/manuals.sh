#!/bin/sh
# manuals.sh: every manual page is sound mdoc, and every program has one.
cd "$(dirname "$0")/../.." || exit 1
status=0
for page in man/man*/*.[1-8]; do
    other=$(sed -n '1s/^\.so //p' "$page")
    if [ -n "$other" ]; then # another name of the same page
        [ -f "man/$other" ] || { echo "$page: man/$other is missing"; status=1; }
        continue
    fi
    out=$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'referenced manual not found')
    if [ -n "$out" ]; then
        echo "$out"
        status=1
    fi
done
for folder in src/*/; do
    name=$(basename "$folder")
    [ -f "$folder$name.c" ] || continue
    case $name in
    util | config | ipc | dns | tls | table | mail | proto | service) continue ;;
    esac
    [ -f "man/man8/$name.8" ] || { echo "man/man8/$name.8 is missing"; status=1; }
done
for file in src/tools/*.c; do
    name=$(basename "$file" .c)
    case $name in *_*) continue ;; esac
    [ -f "man/man1/$name.1" ] || { echo "man/man1/$name.1 is missing"; status=1; }
done
[ $status -eq 0 ] && echo "manuals: sound, one for each program"
exit $status

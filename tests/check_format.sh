#!/bin/sh
# Every C file is as clang-format leaves it. Exit status 77: skipped.
# usage: check_format.sh [--fix] [file...]
set -eu
cd "$(dirname "$0")/.."

# Versions differ in details; the one of Debian 12 decides.
version=14
tool=
for candidate in "clang-format-$version" clang-format; do
    if "$candidate" --version 2>/dev/null | grep -q "version $version\."; then
        tool=$candidate
        break
    fi
done
if [ -z "$tool" ]; then
    echo "skipped: clang-format $version is not installed (scripts/setup --test)"
    exit 77
fi

files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- '*.c' '*.h'
    else
        find proto storage bus api node tests \( -name '*.c' -o -name '*.h' \) -print 2>/dev/null
    fi | sort -u | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

fix=
if [ "${1:-}" = --fix ]; then
    fix=yes
    shift
fi
if [ "$#" -gt 0 ]; then
    list=$(printf '%s\n' "$@")
else
    list=$(files)
fi
if [ -z "$list" ]; then
    exit 0
fi
# Our file names hold neither blanks nor quotes.
if [ -n "$fix" ]; then
    printf '%s\n' "$list" | xargs "$tool" -i --style=file
else
    printf '%s\n' "$list" | xargs "$tool" --dry-run -Werror --style=file
fi

#!/bin/bash
# Functions that have no place in src/ and include/: unbounded copies, parsing that cannot fail, shells, racy names.
# Comments and strings do not count. Prints "ok" or "not ok" lines, and where.
set -euo pipefail
cd "$(dirname "$0")/.."

banned='strcpy|stpcpy|strcat|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen|tmpnam|tempnam|mktemp|alloca|longjmp'
# The library carries errors, it never prints and never ends the process: that is the command line's.
printing='printf|vprintf|puts|putchar|perror|exit|abort'

# Code without comments and strings, with line numbers kept: gcc removes the comments, sed the strings.
code() {
    gcc -fpreprocessed -dD -E -P -w "$1" 2>/dev/null | sed -E 's/"([^"\\]|\\.)*"/""/g'
}

find_calls() {
    local names=$1 failed=0 file hits
    shift
    for file in "$@"; do
        hits=$(code "$file" | grep -nE "(^|[^A-Za-z0-9_>.])($names)[[:space:]]*\(" | sed -E 's/^[0-9]+:[[:space:]]*//' || true)
        [[ -z $hits ]] && continue
        failed=1
        while IFS= read -r line; do echo "# $file: $line"; done <<<"$hits"
    done
    return $failed
}

status=0
mapfile -t all < <(find src include -name '*.[ch]' | sort)
mapfile -t library < <(printf '%s\n' "${all[@]}" | grep -v '^src/cli/')
if find_calls "$banned" "${all[@]}"; then
    echo "ok ${#all[@]} files call no banned function"
else
    echo "not ok banned functions are called"
    status=1
fi
if find_calls "$printing" "${library[@]}"; then
    echo "ok the library neither prints nor exits"
else
    echo "not ok the library prints or exits"
    status=1
fi
exit $status

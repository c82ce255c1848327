#!/bin/bash
# What `make install` puts down can be used, shows nothing but its interface, and goes away again.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

say() { # NAME COMMAND…
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else
        echo "not ok $name"
        status=1
    fi
}

shows_only_its_interface() {
    local names
    names=$(nm -D --defined-only "$build/libhikae.so.0" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }')
    [[ -n $names ]] && ! grep -v '^hikae_' <<<"$names"
}

# Every function that the header declares is there.
keeps_what_the_header_says() {
    local declared
    declared=$(gcc -E -P -w -Iinclude include/hikae.h | grep -v '^typedef' | grep -oE '\bhikae_[a-z_]+ *\(' | tr -d ' (' | sort -u)
    comm -23 <(echo "$declared") <(nm -D --defined-only "$build/libhikae.so.0" | awk '{ sub(/@.*/, "", $3); print $3 }' |
        sort -u) | grep . && return 1
    [[ -n $declared ]]
}

is_hardened() {
    readelf -lW "$1" | grep -q GNU_RELRO && readelf -dW "$1" | grep -qE 'BIND_NOW|FLAGS.*NOW' &&
        readelf -hW "$1" | grep -q 'DYN' && nm -D "$1" | grep '__stack_chk_fail' >/dev/null &&
        nm -D "$1" | grep '_chk@' >/dev/null && ! readelf -lW "$1" | grep GNU_STACK | grep -q RWE
}

# A program of a stranger: with the shared library, then with the static one.
stranger_builds() {
    local root=$scratch/root flags
    cat >"$scratch/stranger.c" <<'C'
#include <hikae.h>
#include <stdio.h>
int main(void)
{
    struct hikae *hikae;
    struct hikae_error error;
    enum hikae_status status = hikae_open("/nonexistent/hikae.yaml", &hikae, &error);
    printf("%d %s\n", (int)status, error.message);
    return status == HIKAE_NOT_FOUND || status == HIKAE_USAGE ? 0 : 1;
}
C
    export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
    flags=$(pkg-config --define-variable=prefix="$root/usr" --cflags --libs hikae) || return 1
    if [[ $1 == --static ]]; then
        # hikae from its archive, the libraries it needs as the system has them.
        # shellcheck disable=SC2046
        flags="${flags/-lhikae/-l:libhikae.a} $(pkg-config --libs $(pkg-config --print-requires-private hikae)) -pthread -ls3 -lm"
    fi
    # shellcheck disable=SC2086
    gcc -o "$scratch/stranger" "$scratch/stranger.c" $flags && LD_LIBRARY_PATH=$root/usr/lib "$scratch/stranger"
}

say "the shared library shows hikae_* and nothing else" shows_only_its_interface
say "the shared library holds all that hikae.h declares" keeps_what_the_header_says
say "the shared library is hardened" is_hardened "$build/libhikae.so.0"
# Each header stands alone, in C and in C++, under a compiler that forgives little.
headers_stand_alone() { # COMPILER STANDARD
    local header flags=(-Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only)
    for header in hikae.h $(cd "$scratch/root/usr/include" && ls hikae/*.h); do
        echo "#include <$header>" | "$1" -x "$2" "${flags[@]}" "-std=$3" -I"$scratch/root/usr/include" - || return 1
    done
}

if [[ -x $build/hikae ]]; then
    say "the program is hardened" is_hardened "$build/hikae"
    say "make install" "${MAKE:-make}" -s BUILD="$build" DESTDIR="$scratch/root" PREFIX=/usr install
    say "the installed program runs" "$scratch/root/usr/bin/hikae" version
    say "a stranger's program builds and runs with the shared library" stranger_builds --shared
    say "a stranger's program builds and runs with the static library" stranger_builds --static
    say "each header stands alone in C" headers_stand_alone gcc c c11
    if command -v g++ >/dev/null; then
        say "each header stands alone in C++" headers_stand_alone g++ c++ c++17
    fi
    say "the manual page of the program is there" test -s "$scratch/root/usr/share/man/man1/hikae.1"
    say "and in Japanese" test -s "$scratch/root/usr/share/man/ja/man1/hikae.1"
    say "make uninstall" "${MAKE:-make}" -s BUILD="$build" DESTDIR="$scratch/root" PREFIX=/usr uninstall
    left=$(find "$scratch/root" -type f -o -type l)
    say "nothing is left after uninstall" test -z "$left"
    [[ -z $left ]] || echo "# $left"
fi
exit $status

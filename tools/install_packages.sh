#!/bin/bash
# Sees to the packages that hikae needs: install_packages.sh build|demo|check …
#
# On Debian and its kin, what is missing is installed through apt-get (with sudo, unless run by root). Elsewhere the
# libraries are named and the exit code is 2. Says nothing when everything is there.
set -euo pipefail

build=(gcc make pkg-config libarchive-dev libzstd-dev libssl-dev libsqlite3-dev libjansson-dev libyaml-dev uthash-dev
    libcurl4-openssl-dev libexpat1-dev libs3-dev libp11-kit-dev)
demo=(rsync)
check=("${build[@]}" "${demo[@]}" libcmocka-dev clang python3 python3-cryptography python3-zstandard attr acl e2fsprogs
    zip unzip openssl procps util-linux tzdata jq curl
    # Object stores that tests bring up on loopback (tests/servers), and clients of others to check them with.
    ceph-mon ceph-osd ceph-common radosgw swift-proxy swift-account swift-container swift-object memcached
    python3-boto3 s3cmd
    # A token in software.
    softhsm2
    # promtool reads the figures for Prometheus.
    prometheus
    # A browser opens the pages, with Japanese letters.
    chromium poppler-utils fonts-noto-cjk
    # Drills start a scratch server and restore dumps into it.
    postgresql-15
    # Shells that complete commands, and readers of the manual.
    zsh fish groff-base mandoc)

wanted=()
for set in "${@:-build}"; do
    case $set in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    check) wanted+=("${check[@]}") ;;
    *)
        echo "usage: $0 build|demo|check …" >&2
        exit 2
        ;;
    esac
done

on_debian() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null
}

# Without dpkg, ask for what the packages bring.
programs_are_there() {
    local program
    for program in "${CC:-gcc}" make pkg-config; do
        command -v "$program" >/dev/null || return 1
    done
    pkg-config --exists libarchive libzstd libcrypto libcurl expat sqlite3 jansson yaml-0.1 p11-kit-1 || return 1
    printf '#include <uthash.h>\n#include <libs3.h>\n' | "${CC:-gcc}" -E - >/dev/null 2>&1
}

if ! on_debian; then
    [[ ${wanted[*]} == "${build[*]}" || ${wanted[*]} == "${build[*]} ${demo[*]}" ]] && programs_are_there && exit 0
    {
        echo "This is no Debian system, so nothing is installed here by itself. hikae needs:"
        echo "  to build: gcc or clang, GNU make, pkg-config; libarchive, zstd, OpenSSL 3, curl with OpenSSL, expat, SQLite 3, jansson, libyaml,"
        echo "    uthash, libs3, p11-kit"
        echo "  to check: cmocka, clang, rsync, attr, acl, e2fsprogs, zip, unzip; Python 3 with cryptography, zstandard and boto3;"
        echo "    Ceph (monitor, object store, gateway), Swift (proxy, account, container, object), memcached, s3cmd;"
        echo "    SoftHSM 2, Prometheus (promtool), Chromium with a Japanese font, PostgreSQL, zsh, fish, groff, mandoc"
        echo "Install these with their headers, then: make"
    } >&2
    exit 2
fi

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed || " ${missing[*]} " == *" $package "* ]] || missing+=("$package")
done
((${#missing[@]} > 0)) || exit 0

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "Packages are missing; as root, run: apt-get install ${missing[*]}" >&2
        exit 2
    fi
    as_root=(sudo)
fi
echo "Installing what is missing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
install=("${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}")
"${install[@]}" </dev/null >&2 || { "${as_root[@]}" apt-get update </dev/null >&2 && "${install[@]}" </dev/null >&2; } || {
    echo "apt-get could not install: ${missing[*]}" >&2
    exit 2
}

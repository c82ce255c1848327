#!/bin/bash
# OpenStack Swift with s3api for tests, on loopback, without systemd: memcached, three storage servers of one device
# each, and two proxies (HTTP and TLS) before them.
#
#   tests/servers/swift.sh start DIR [OWNER]  makes DIR and brings the servers up in it (about 5 s); with OWNER, a
#                                             process id, they are stopped when that process ends
#   tests/servers/swift.sh env DIR            prints shell variables: eval "$(tests/servers/swift.sh env DIR)"
#   tests/servers/swift.sh stop DIR           kills what runs there, removes DIR; fine after a crash, or when nothing runs
#
# Variables: SWIFT_HTTP and SWIFT_HTTPS (addresses), SWIFT_PORT, SWIFT_TLS_PORT, SWIFT_CA (certificate file);
#   SWIFT_ACCESS, SWIFT_SECRET               the owner: everything
#   SWIFT_OTHER_ACCESS, SWIFT_OTHER_SECRET   a user of the same account without rights: all is refused (403)
# SWIFT_AUTH is the address where Swift's own interface gives a token (X-Auth-User, X-Auth-Key), for quotas of containers.
# The region is us-east-1. Buckets as host names: http://BUCKET.s3.localhost:$SWIFT_PORT.
set -u
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# storage_conf TYPE PORT
storage_conf() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
user = $(id -un)
swift_dir = $DIR/etc
devices = $DIR/disks
mount_check = false
workers = 0
log_address = $DIR/run/no-syslog
fallocate_reserve = 0
disable_fallocate = true
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
CONF
}

# plain_filters NAME…: sections of filters that need no settings.
plain_filters() {
    local name
    for name in "$@"; do printf '[filter:%s]\nuse = egg:swift#%s\n' "$name" "$name"; done
}

# proxy_conf PORT: the lines of TLS, where wanted, come on standard input.
proxy_conf() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
user = $(id -un)
swift_dir = $DIR/etc
workers = 0
log_address = $DIR/run/no-syslog
$(cat)
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl s3api tempauth copy container_quotas slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
$(plain_filters catch_errors gatekeeper healthcheck listing_formats bulk tempurl copy slo dlo symlink)
[filter:container_quotas]
use = egg:swift#container_quotas
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$memcached_port
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
storage_domain = s3.localhost
dns_compliant_bucket_names = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin .reseller_admin
user_test_other = other-secret
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
CONF
}

make_rings() {
    local type port
    cd "$DIR/etc" || return 1
    while read -r type port; do
        swift-ring-builder "$type.builder" create 4 1 1 && swift-ring-builder "$type.builder" add "r1z1-127.0.0.1:$port/d1" 1 &&
            swift-ring-builder "$type.builder" rebalance || return 1
    done <<RINGS
account $account_port
container $container_port
object $object_port
RINGS
}

bring_up() {
    read -r port tls_port memcached_port account_port container_port object_port <<<"$(free_ports 6)"
    mkdir -p "$DIR/disks/d1" || return 1
    cat >"$DIR/etc/swift.conf" <<CONF
[swift-hash]
swift_hash_path_prefix = hikae
swift_hash_path_suffix = test
[storage-policy:0]
name = one
default = yes
CONF
    storage_conf account "$account_port" >"$DIR/etc/account-server.conf"
    storage_conf container "$container_port" >"$DIR/etc/container-server.conf"
    storage_conf object "$object_port" >"$DIR/etc/object-server.conf"
    proxy_conf "$port" </dev/null >"$DIR/etc/proxy-server.conf"
    printf 'cert_file = %s\nkey_file = %s\n' "$DIR/etc/server.crt" "$DIR/etc/server.key" |
        proxy_conf "$tls_port" >"$DIR/etc/proxy-tls.conf"
    (make_rings) >"$DIR/log/rings.out" 2>&1 || { cat "$DIR/log/rings.out" >&2; return 1; }
    export SWIFT_DIR=$DIR/etc
    # Its pid file is named only so that its arguments say where it belongs.
    daemon memcached memcached -u "$(id -un)" -l 127.0.0.1 -p "$memcached_port" -U 0 -m 16 -t 1 -P "$DIR/etc/memcached.pid"
    local type
    for type in account container object; do
        daemon "$type" swift-"$type"-server "$DIR/etc/$type-server.conf" -v
    done
    daemon proxy swift-proxy-server "$DIR/etc/proxy-server.conf" -v
    daemon proxy-tls swift-proxy-server "$DIR/etc/proxy-tls.conf" -v
    local each
    for each in "$memcached_port" "$account_port" "$container_port" "$object_port" "$port" "$tls_port"; do
        await 120 "Swift" listens "$each" || return 1
    done
}

write_env() {
    cat <<ENV
SWIFT_HTTP=http://127.0.0.1:$port
SWIFT_HTTPS=https://127.0.0.1:$tls_port
SWIFT_PORT=$port
SWIFT_TLS_PORT=$tls_port
SWIFT_CA=$DIR/etc/ca.pem
SWIFT_AUTH=http://127.0.0.1:$port/auth/v1.0
SWIFT_ACCESS=test:tester
SWIFT_SECRET=testing
SWIFT_OTHER_ACCESS=test:other
SWIFT_OTHER_SECRET=other-secret
ENV
}

server_main "$@"

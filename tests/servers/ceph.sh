#!/bin/bash
# A Ceph RADOS Gateway for tests, on loopback, without systemd: monitor, one object store in a sparse file, gateway.
#
#   tests/servers/ceph.sh start DIR [OWNER]   makes DIR and brings the servers up in it (about 10 s); with OWNER, a
#                                             process id, they are stopped when that process ends
#   tests/servers/ceph.sh env DIR             prints shell variables: eval "$(tests/servers/ceph.sh env DIR)"
#   tests/servers/ceph.sh stop DIR            kills what runs there, removes DIR; fine after a crash, or when nothing runs
#
# Variables: CEPH_HTTP and CEPH_HTTPS (addresses), CEPH_PORT, CEPH_TLS_PORT, CEPH_CA (certificate file), CEPH_CONF;
#   CEPH_ACCESS, CEPH_SECRET            the owner: everything, STS included (session tokens)
#   CEPH_READ_ACCESS, CEPH_READ_SECRET  user `reader`, who can only read, and
#   CEPH_WRITE_ACCESS, CEPH_WRITE_SECRET user `writer`, who can read and write but delete nothing: whatever a bucket's
#                                       policy says. Into the owner's buckets they come by one: tests/servers/s3.py allow
#   CEPH_OTHER_ACCESS, CEPH_OTHER_SECRET another user, a stranger to the owner's buckets
#   CEPH_SUSPENDED_ACCESS, CEPH_SUSPENDED_SECRET a suspended user
# Buckets as host names: http://BUCKET.s3.localhost:$CEPH_PORT. CEPH_SIZE=BYTES before start makes a small disk to fill.
set -u
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

write_conf() {
    cat <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = v2:127.0.0.1:$mon_port
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_allow_insecure_global_id_reclaim = false
run_dir = $DIR/run
admin_socket = $DIR/run/\$name.asok
log_file = $DIR/log/\$name.log
pid_file = $DIR/run/\$name.pid
keyring = $DIR/etc/keyring
crash_dir = $DIR/run
debug_ms = 0/0
ms_bind_msgr1 = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
# The disk of a test machine may be nearly full; only the servers' own file matters.
mon_data_avail_crit = 1
mon_data_avail_warn = 2
# The monitor gathers changes for a second before it agrees on them; starting takes a dozen of such steps.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[mon]
mon_data = $DIR/mon
mon_cluster_log_file = $DIR/log/cluster.log
mon_allow_pool_delete = true
[osd]
osd_data = $DIR/osd
osd_objectstore = bluestore
bluestore_block_size = ${CEPH_SIZE:-21474836480}
bluestore_fsck_on_mkfs = false
osd_memory_target = 1073741824
osd_class_update_on_start = false
[client.rgw]
rgw_data = $DIR/rgw
rgw_frontends = beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$tls_port ssl_certificate=$DIR/etc/server.crt ssl_private_key=$DIR/etc/server.key
rgw_dns_name = s3.localhost
rgw_s3_auth_use_sts = true
rgw_sts_key = 0123456789abcdef
rgw_thread_pool_size = 64
rgw_gc_processor_period = 300
CONF
}

ceph_() { ceph -c "$DIR/etc/ceph.conf" --connect-timeout 10 "$@"; }
admin() { radosgw-admin -c "$DIR/etc/ceph.conf" -n client.rgw --admin-socket= "$@" >>"$DIR/log/users.out" 2>&1; }

make_users() {
    admin user create --uid=owner --display-name=owner --access-key=OWNERACCESS --secret-key=owner-secret-key \
        --caps='roles=*;user-policy=*' || return 1
    admin user create --uid=writer --display-name=writer --access-key=WRITEACCESS --secret-key=write-secret-key \
        --op-mask='read, write' &
    admin user create --uid=other --display-name=other --access-key=OTHERACCESS --secret-key=other-secret-key &
    {
        admin user create --uid=gone --display-name=gone --access-key=SUSPENDEDACCESS \
            --secret-key=suspended-secret-key && admin user suspend --uid=gone
    } &
    admin user create --uid=reader --display-name=reader --access-key=READACCESS --secret-key=read-secret-key \
        --op-mask=read
    wait
}

bring_up() {
    local conf=$DIR/etc/ceph.conf uuid
    read -r mon_port port tls_port <<<"$(free_ports 3)"
    mkdir "$DIR/mon" "$DIR/osd" "$DIR/rgw"
    write_conf >"$conf"
    uuid=$(cat /proc/sys/kernel/random/uuid)
    {
        ceph-authtool -C "$DIR/etc/keyring" -g -n mon. --cap mon 'allow *' &&
            ceph-authtool "$DIR/etc/keyring" -g -n client.admin --cap mon 'allow *' --cap osd 'allow *' &&
            ceph-authtool "$DIR/etc/keyring" -g -n client.rgw --cap mon 'allow rwx' --cap osd 'allow rwx' &&
            ceph-authtool "$DIR/etc/keyring" -g -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' &&
            monmaptool -c "$conf" --create --fsid "$(sed -n 's/^fsid = //p' "$conf")" \
                --addv a "[v2:127.0.0.1:$mon_port]" "$DIR/etc/monmap" &&
            ceph-mon -c "$conf" -i a --mkfs --monmap "$DIR/etc/monmap" --keyring "$DIR/etc/keyring"
    } >"$DIR/log/mkfs.out" 2>&1 || { cat "$DIR/log/mkfs.out" >&2; return 1; }
    daemon mon ceph-mon -c "$conf" -f -i a
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$uuid" >>"$DIR/log/mkfs.out" 2>&1 ||
        { cat "$DIR/log/mkfs.out" >&2; return 1; }
    await 120 "the monitor" ceph_ osd new "$uuid" 0 || return 1
    daemon osd ceph-osd -c "$conf" -f -i 0
    daemon rgw radosgw -c "$conf" -f -n client.rgw
    await 120 "the gateway" listens "$tls_port" || return 1
    make_users
    await 60 "the gateway" listens "$port"
}

write_env() {
    cat <<ENV
CEPH_HTTP=http://127.0.0.1:$port
CEPH_HTTPS=https://127.0.0.1:$tls_port
CEPH_PORT=$port
CEPH_TLS_PORT=$tls_port
CEPH_CA=$DIR/etc/ca.pem
CEPH_CONF=$DIR/etc/ceph.conf
CEPH_ACCESS=OWNERACCESS
CEPH_SECRET=owner-secret-key
CEPH_READ_ACCESS=READACCESS
CEPH_READ_SECRET=read-secret-key
CEPH_WRITE_ACCESS=WRITEACCESS
CEPH_WRITE_SECRET=write-secret-key
CEPH_OTHER_ACCESS=OTHERACCESS
CEPH_OTHER_SECRET=other-secret-key
CEPH_SUSPENDED_ACCESS=SUSPENDEDACCESS
CEPH_SUSPENDED_SECRET=suspended-secret-key
ENV
}

server_main "$@"

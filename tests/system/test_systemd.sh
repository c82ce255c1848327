#!/bin/bash
# The units: systemd understands them, they are hardened, and run speaks the service manager's protocol.
. "$(dirname "$0")/lib.sh"
for role in writer pruner keys; do
    sed "s|@PREFIX@/bin/hikae|$HIKAE|" "$ROOT/tools/systemd/hikae-$role.service.in" >"$WORK/hikae-$role.service"
    cp "$ROOT/tools/systemd/hikae-$role.timer" "$WORK/"
done
if command -v systemd-analyze >/dev/null; then
    for role in writer pruner keys; do
        # Users and manual pages are not on this machine; everything else must be understood.
        systemd-analyze verify --man=no "$WORK/hikae-$role.service" "$WORK/hikae-$role.timer" >"$WORK/verify" 2>&1
        check "verify-$role" test -z "$(grep -F "$WORK/hikae-$role" "$WORK/verify")"
        check "hardened-$role" systemd-analyze security --offline=true --threshold=25 "$WORK/hikae-$role.service"
    done
fi
check init "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one"
# A job that no unit asks for is never done: each is the writer's or the pruner's, in the units and in the cron lines.
hikae run --only none 2>&1 | sed -n 's/.*the jobs are \([^;]*\);.*/\1/p' | tr -d ' ' | tr , '\n' | sort >"$WORK/jobs"
asked_for() { # FILE…
    sed -n 's/^[^#].* --only \([a-z,]*\).*/\1/p' "$@" | tr , '\n' | sort | diff "$WORK/jobs" -
}
check "there-are-jobs" test -s "$WORK/jobs"
check "every-job-has-a-unit" asked_for "$ROOT"/tools/systemd/*.service.in
check "every-job-has-a-cron-line" asked_for "$ROOT/tools/systemd/hikae.cron.in"
/usr/bin/python3 - "$HIKAE" "$WORK" >"$WORK/notified" 2>"$WORK/err" <<'P'
import os, socket, subprocess, sys
hikae, work = sys.argv[1:]
for address in (work + "/notify", "\0hikae-test-%d" % os.getpid()):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(address)
    s.settimeout(5)
    run = subprocess.run([hikae, "--config", work + "/h/hikae.yaml", "run"], stdout=subprocess.DEVNULL,
                         env=dict(os.environ, NOTIFY_SOCKET=address.replace("\0", "@")))
    first, got = s.recv(4096).decode(), ""
    while "STOPPING=1" not in got:
        got += s.recv(4096).decode()
    print(run.returncode, "READY=1" in first)
P
check notified test "$(tr '\n' ' ' <"$WORK/notified")" = "0 True 0 True "
check no-socket env NOTIFY_SOCKET="$WORK/nobody" "$HIKAE" --config "$WORK/h/hikae.yaml" run
finish

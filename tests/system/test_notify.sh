#!/bin/bash
# Telling people: mail over TLS, signed webhooks, pings; digests once a night, alerts, mutes; what cannot be sent.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
# run_at TIME: CODE, and what was told since in $WORK/told.
run_at() { local now=$1; shift; : >"$WORK/told"; at "$now" --json run --retries 0 "$@" >"$WORK/json" 2>"$WORK/err"; CODE=$?; }
# told BY FIELD: of each message, a line.
told() { /usr/bin/python3 -c 'import json,sys
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    if row["by"] == sys.argv[2]: print(row[sys.argv[3]])' "$WORK/told" "$1" "$2"; }
holds() { told "$1" "$2" | grep -qF -- "$3"; }
lacks() { ! holds "$@"; }
# notify LINES: the section, in place of the one before.
notify() { sed -i '/^notify:/,$d' "$WORK/h/hikae.yaml"; printf 'notify:\n%s\n' "$1" >>"$WORK/h/hikae.yaml"; }

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$WORK/ca.key" -out "$WORK/ca.pem" >/dev/null 2>&1
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$WORK/tls.key" -out "$WORK/tls.csr" >/dev/null 2>&1
openssl x509 -req -in "$WORK/tls.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 -out "$WORK/tls.pem" \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") >/dev/null 2>&1
(umask 077; echo 'pass word' >"$WORK/password"; echo 'hook secret' >"$WORK/secret"; echo 'another' >"$WORK/wrong")
: >"$WORK/told"
/usr/bin/python3 "$ROOT/tests/system/tell_server.py" "$WORK/tls.pem" "$WORK/tls.key" "$WORK/secret" "$WORK/told" "$WORK/ready" &
SERVER=$!
trap 'kill $SERVER 2>/dev/null; cleanup' EXIT
wait_for test -s "$WORK/ready"
read -r SMTPS STARTTLS PLAIN WEB <"$WORK/ready"

for t in a b c; do mkdir -p "$WORK/src/$t"; echo "data of $t" >"$WORK/src/$t/file"; done
check init env HIKAE_NOW=2026-11-20T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --min-copies 2 --target "one=file://$WORK/one" --target "two=file://$WORK/two" --target "three=file://$WORK/three"
for t in a b c; do at 2026-11-20T00:00:00Z tenant add "$t" --source "d=dir:$WORK/src/$t" >/dev/null 2>&1; done
expect 2 nobody-to-tell at 2026-11-20T00:00:00Z notify test

MAIL="  mail: {url: 'smtps://localhost:$SMTPS', from: hikae@example.jp, to: ops@example.jp, user: hikae, password_file: $WORK/password}"
HOOK="  webhook: {url: 'https://localhost:$WEB/hook', secret_file: $WORK/secret}"
PING="  ping: {url: 'https://localhost:$WEB/ping/1234/'}"
REST="  ca_file: $WORK/ca.pem
  timeout_s: 5"
ALL="$MAIL
$HOOK
$PING
$REST"

# ---- A trial ----
notify "$ALL"
expect 0 trial at 2026-11-20T00:00:00Z notify test
check trial-mail test "$(told mail subject) $(told mail secure) $(told mail user)" = "hikae: a trial True hikae"
check trial-webhook test "$(told webhook kind)" = test
check trial-ping test "$(told ping path)" = /ping/1234

# ---- A night, and the next hour of it ----
run_at 2026-11-20T01:00:00Z
check good-night test "$CODE $(told ping path | xargs)" = "0 /ping/1234/start /ping/1234"
check one-mail test "$(told mail subject | wc -l) $(told webhook kind | xargs)" = "1 digest"
check digest-good holds mail text "Safe: all 3 tenants"
check test-clock-told holds mail text "test clock"
check mail-lines test "$(told mail longest)" -le 76
run_at 2026-11-20T02:00:00Z
check once-a-night test "$CODE $(told mail subject)" = "0 "

# ---- A target is down: one line, however many tenants ----
mv "$WORK/three" "$WORK/three.gone"
run_at 2026-11-21T01:00:00Z
check down test "$CODE $(told mail subject | wc -l)" = "1 1"
check down-one-line test "$(told mail text | grep -c three)" = 1
check down-counted holds mail text "Target three does not answer; tenants behind: 3."
mv "$WORK/src/b" "$WORK/src/b.gone"
run_at 2026-11-22T01:00:00Z
check failed test "$CODE $(told ping path | tail -n 1)" = "6 /ping/1234/fail"
check failed-told holds mail text "backup failed: b."
check safe-told holds mail text "2026-11-21 01:00 UTC"
check short test "$(told mail text | wc -l)" -le 25
run_at 2026-11-22T02:00:00Z
check nothing-new test "$(told mail subject)" = ""

# ---- Too few copies: an alert of its own, and not twice ----
mv "$WORK/two" "$WORK/two.gone"
run_at 2026-11-23T01:00:00Z
check alert test "$(told webhook kind | xargs)" = "alert digest"
check alert-says holds mail text "Fewer copies than promised: a and 2 more."
run_at 2026-11-23T02:00:00Z
check no-second-alert test "$(told webhook kind)" = ""

# ---- Muted: silent, but not of damage ----
expect 2 mute-in-the-past at 2026-11-23T03:00:00Z notify mute --until 2026-11-22 --reason x
expect 2 mute-too-long at 2026-11-23T03:00:00Z notify mute --until 2027-11-22 --reason x
expect 2 mute-without-reason at 2026-11-23T03:00:00Z notify mute --until 2026-11-25 --reason ""
expect 0 mute-dry at 2026-11-23T03:00:00Z notify mute --until 2026-11-26 --reason "line" --dry-run
at 2026-11-23T03:00:00Z --json notify list >"$WORK/json"
check dry-is-dry test "$(field muted_until) $(field last_digest)" = "None 2026-11-23T01:00:00Z"
expect 0 mute at 2026-11-23T03:00:00Z notify mute --until 2026-11-26 --reason "line to osaka"
says "Damaged data and deadlines are told" mute-says-what-is-not
at 2026-11-23T03:00:00Z --json notify list >"$WORK/json"
check mute-listed test "$(field muted_until) $(field mute_reason)" = "2026-11-26T00:00:00Z line to osaka"
run_at 2026-11-24T01:00:00Z
check muted test "$(told mail subject)$(told webhook kind) $(told ping path | xargs)" = " /ping/1234/start /ping/1234/fail"
mv "$WORK/two.gone" "$WORK/two"; mv "$WORK/three.gone" "$WORK/three"; mv "$WORK/src/b.gone" "$WORK/src/b"
run_at 2026-11-26T01:00:00Z
check mute-ended test "$(told mail subject | wc -l)" = 1
at 2026-11-26T02:00:00Z --json audit list --operation "notify mute" >"$WORK/out" 2>"$WORK/err"
says "line to osaka" mute-in-the-audit-log

# ---- Japanese; only when there is something: what is open is told until somebody closes it ----
for id in $(at 2026-11-26T03:00:00Z --json nonconformity list 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(*(i["id"] for i in json.load(sys.stdin)["incidents"]))'); do
    at 2026-11-26T03:00:00Z nonconformity close "$id" --who sato --cause 'the test stopped it' --correction none >/dev/null 2>&1
done
notify "  language: ja
  digest: problems
$ALL"
run_at 2026-11-27T01:00:00Z
check silent-when-well test "$CODE $(told mail subject)" = "0 "
rm -r "$WORK/src/c"
run_at 2026-11-28T01:00:00Z
check japanese holds mail text "バックアップに失敗: c。"
check japanese-subject holds mail subject "確認事項"

# ---- STARTTLS; what is not secure is not sent; what fails is a warning ----
notify "${ALL/smtps:\/\/localhost:$SMTPS/smtp://localhost:$STARTTLS}"
: >"$WORK/told"
expect 0 starttls at 2026-11-28T02:00:00Z notify test
check starttls-secure test "$(told mail secure)" = True
notify "${ALL/smtps:\/\/localhost:$SMTPS/smtp://localhost:$PLAIN}"
expect 6 no-tls at 2026-11-28T02:00:00Z notify test
notify "${ALL/$REST/  timeout_s: 5}"
expect 6 unknown-authority at 2026-11-28T02:00:00Z notify test
says "ca_file" authority-hint
notify "${ALL/secret_file: $WORK\/secret/secret_file: $WORK/wrong}"
expect 6 wrong-signature at 2026-11-28T02:00:00Z notify test
says "answered 401" wrong-signature-told
notify "${ALL/password_file: $WORK\/password/password_file: $WORK/wrong}"
expect 7 wrong-password at 2026-11-28T02:00:00Z notify test
mkdir -p "$WORK/src/c"; echo new >"$WORK/src/c/file"
kill $SERVER; wait $SERVER 2>/dev/null
notify "$ALL"
run_at 2026-11-29T01:00:00Z
check unsent-is-a-warning test "$CODE $(field failed)" = "1 []"
check unsent-told grep -q 'could not be sent' "$WORK/err"
check no-secrets bash -c "! grep -rqE 'pass word|hook secret|ping/1234' '$WORK/err' '$WORK/json'"

# ---- What must be refused ----
for bad in "  mail: {url: 'http://localhost', from: a@b, to: c@d}" "  mail: {url: 'smtps://u:p@localhost', from: a@b, to: c@d}" \
    "  mail: {url: 'smtps://localhost', from: 'a@b, x@y', to: c@d}" "  mail: {url: 'smtps://localhost', from: a@b, to: c@d, user: u}" \
    "  webhook: {url: 'http://localhost', secret_file: x}" "  webhook: {url: 'https://localhost'}" \
    "  ping: {url: 'https://localhost/x?y'}" "  language: fr" "  sms: {}" "  timeout_s: 0"; do
    notify "$bad"
    expect 2 "refused:$bad" at 2026-11-29T02:00:00Z notify list
done
finish

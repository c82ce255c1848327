#!/bin/bash
# Kept logs: taken in, refused, missing, given away in another zone, dropped when their time is over and not before.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
json() { local now=$1; shift; at "$now" --json "$@" >"$WORK/json" 2>"$WORK/err"; CODE=$?; }

check init env HIKAE_NOW=2026-01-01T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one?country=JP&site=a"
mkdir -p "$WORK/h/policies"; cp -r "$ROOT/policies/calendars" "$ROOT/policies/monthly-1-year.yaml" "$WORK/h/policies/"
echo data >"$WORK/image"
check apply at 2026-01-01T00:01:00Z policy apply monthly-1-year --approve-as sato --why test
check own at 2026-01-01T00:02:00Z tenant add own --provider --policy monthly-1-year --source "i=image:$WORK/image"
check customer at 2026-01-01T00:02:00Z tenant add acme --policy monthly-1-year --source "i=image:$WORK/image"
printf 'time,who,what\r\n2026-01-05T09:00:00Z,sato,"restart, again"\r\n2026-01-31T23:59:59.5Z,abe,stop\r\nnever,abe,"a ""quote"""\r\n' >"$WORK/january.csv"
cp "$WORK/january.csv" "$WORK/february.csv"
INGEST="log ingest --tenant own --class operation"

# ---- What is refused ----
expect 8 too-early at 2026-01-31T12:00:00Z $INGEST --period 2026-01 "$WORK/january.csv"
says "is not over yet" too-early-told
expect 8 customers-tenant at 2026-02-03T00:00:00Z log ingest --tenant acme --class operation --period 2026-01 "$WORK/january.csv"
expect 8 no-such-class at 2026-02-03T00:00:00Z log ingest --tenant own --class access --period 2026-01 "$WORK/january.csv"
for bad in '2026' '2026-13' '2026-01-01' 'x'; do expect 2 "bad-period-$bad" at 2026-02-03T00:00:00Z $INGEST --period "$bad" "$WORK/january.csv"; done
expect 4 no-such-file at 2026-02-03T00:00:00Z $INGEST --period 2026-01 "$WORK/nothing.csv"
n=0
for bad in 'a,b\r\n"x,y\r\n' 'a,b\r\nx\r\n' 'a,b\r\n"x"y,z\r\n' 'a,b\r\nx"y,z\r\n' 'a,b\rx,y\r\n' 'a,b\r\n\0,y\r\n'; do
    n=$((n + 1)); printf "$bad" >"$WORK/bad.csv"
    expect 2 "bad-csv-$n" at 2026-02-03T00:00:00Z $INGEST --period 2026-01 "$WORK/bad.csv"
done
says "bad.csv:2" place-told
expect 2 no-such-column at 2026-02-03T00:00:00Z $INGEST --period 2026-01 --time-column when "$WORK/january.csv"
json 2026-02-03T00:00:00Z $INGEST --period 2026-01 --dry-run "$WORK/january.csv"
check dry-run test "$CODE $(field logs.0.lines) $(field logs.0.earliest)" = "0 3 2026-01-05T09:00:00Z"
json 2026-02-03T00:00:00Z log list
check dry-run-did-nothing test "$(field logs.0.state)" = waiting

# ---- Taken in, once ----
json 2026-02-03T00:00:00Z $INGEST --period 2026-01 "$WORK/january.csv"
check ingested test "$CODE $(field logs.0.state) $(field logs.0.late) $(field logs.0.due)" = "0 kept False 2026-02-07T00:00:00Z"
check hash test "$(field logs.0.files.0.sha256)" = "$(sha256sum <"$WORK/january.csv" | cut -c1-64)"
check until test "$(field logs.0.keep_until)" = 2027-02-01T00:00:00Z
check latest test "$(field logs.0.latest)" = 2026-01-31T23:59:59Z
expect 8 twice at 2026-02-03T01:00:00Z $INGEST --period 2026-01 "$WORK/january.csv"
says "taken in already" twice-told
check again at 2026-02-03T02:00:00Z $INGEST --period 2026-01 --again "a day was missing" "$WORK/january.csv"
check other-source at 2026-02-03T02:00:00Z $INGEST --period 2026-01 --source web "$WORK/january.csv"
expect 2 several-sources at 2026-02-03T03:00:00Z log export --class operation --period 2026-01

# ---- What is kept beside the backups is nothing to go back to ----
check backup at 2026-02-03T04:10:00Z run --only backup
json 2026-02-03T04:20:00Z $INGEST --period 2026-01 --again "one line more" "$WORK/january.csv"
check restore at 2026-02-03T04:30:00Z restore own --to "$WORK/back" --reason 'a disk failed' --approver sato --requester abe
check restores-the-data test "$(cat "$WORK"/back/i 2>/dev/null || find "$WORK/back" -type f -exec cat {} +)" = data
json 2026-02-03T04:40:00Z status
check age-of-the-backup test "$(field tenants.1.last_success)" = 2026-02-03T04:10:00Z
expect 2 reserved-tag at 2026-02-03T04:50:00Z backup own --tag log.mine

# ---- Given away ----
at 2026-02-04T00:00:00Z log export --class operation --period 2026-01 --source main >"$WORK/out" 2>"$WORK/err"
check as-it-was cmp "$WORK/out" "$WORK/january.csv"
at 2026-02-04T00:00:00Z log export --class operation --period 2026-01 --source main --tz JST >"$WORK/out" 2>"$WORK/err"
printf 'time,who,what\r\n2026-01-05T18:00:00+09:00,sato,"restart, again"\r\n2026-02-01T08:59:59+09:00,abe,stop\r\nnever,abe,"a ""quote"""\r\n' >"$WORK/jst.csv"
check in-jst cmp "$WORK/out" "$WORK/jst.csv"
says "2 times shown in that zone, 1 left" told-what-was-left
at 2026-02-04T00:00:00Z log export --class operation --period 2026-01 --source main --tz JST --format json >"$WORK/out" 2>"$WORK/err"
check as-json /usr/bin/python3 -c 'import json,sys; r=[json.loads(l) for l in open(sys.argv[1])]; assert len(r)==3 and r[0]["time"]=="2026-01-05T18:00:00+09:00" and r[2]["what"]=="a \"quote\"", r' "$WORK/out"
expect 4 not-kept at 2026-02-04T00:00:00Z log export --class operation --period 2026-02

# ---- Missing, and told ----
json 2026-03-06T12:00:00Z log list
check waiting test "$CODE $(field logs.1.period) $(field logs.1.state)" = "0 2026-02 waiting"
json 2026-03-07T00:00:00Z log list
check missing test "$CODE $(field logs.1.period) $(field logs.1.state)" = "1 2026-02 missing"
json 2026-03-07T03:00:00Z run --only logs
check run-tells test "$CODE $(field done.0.job) $(field done.0.tenant)" = "1 logs None"
says "operation logs of 2026-02 were not taken in" run-told
json 2026-03-07T04:00:00Z run --only logs
check once-a-day test "$(/usr/bin/python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))["done"]))' "$WORK/json")" = 0
json 2026-03-08T00:00:00Z --json nonconformity list
ask() { /usr/bin/python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$WORK/json" "$1"; }
LOGS='[i for i in j["incidents"] if i["about"]=="logs"]'
check one-nonconformity test "$(ask "[(i['policy'],i['subject'],i['occurred'],i['state']) for i in $LOGS]")" = "[('monthly-1-year', 'operation', '2026-03-07T00:00:00Z', 'open')]"
N=$(ask "${LOGS}[0]['id']")
# The next night finds it missing still, and opens no second one; evidence and the morning page show it.
json 2026-03-08T12:00:00Z run --only logs
check told-again test "$CODE" = 1
json 2026-03-08T13:00:00Z nonconformity list
check no-second-one test "$(ask "len($LOGS)")" = 1
json 2026-03-08T14:00:00Z evidence --policy monthly-1-year --period 2026-03
check evidence-gap test "$(ask '[(g["kind"],g["date"]) for p in j["promises"] if p["id"]=="logs-csv" for g in p["gaps"]]')" = "[('log-missed', '2026-02')]"
check evidence-names-it test "$(ask '[(n["id"],n["closed"]) for n in j["nonconformities"] if n["about"]=="logs"]')" = "[('$N', None)]"
at 2026-03-08T14:00:00Z report --both -o "$WORK/r.html" 2>/dev/null
check report-names-it grep -q "$N" "$WORK/r.html"
check report-names-it-in-japanese grep -q 'ログが取り込まれなかった' "$WORK/r.html"
# Once a person has answered for it the nights are quiet again; evidence says what was done.
check answered at 2026-03-08T15:00:00Z nonconformity close "$N" --who sato --cause 'the collector was down' --correction 'it is watched now'
json 2026-03-08T16:00:00Z evidence --policy monthly-1-year --period 2026-03
check evidence-says-what-was-done test "$(ask '[(n["closed_by"],n["correction"]) for n in j["nonconformities"] if n["about"]=="logs"]')" = "[('sato', 'it is watched now')]"
json 2026-03-09T12:00:00Z run --only logs
check quiet-again test "$CODE $(field done.0.job)" = "0 logs"
json 2026-03-09T13:00:00Z $INGEST --period 2026-02 "$WORK/february.csv"
check late test "$(field logs.0.late)" = True
# Taken in again later, a month was fetched when it was fetched first.
json 2026-03-09T14:00:00Z $INGEST --period 2026-01 --source web --again "one more file" "$WORK/january.csv"
check again-is-not-late test "$(field logs.0.late) $(field logs.0.first)" = "False 2026-02-03T02:00:00Z"
json 2026-03-09T15:00:00Z evidence --policy monthly-1-year --period 2026-02
check january-in-time test "$(ask '[p["result"] for p in j["promises"] if p["id"]=="logs-csv"]')" = "['kept']"

# ---- Logs of an open incident stay until it is closed, whatever their time ----
json 2026-03-20T00:00:00Z incident open --title 'a key was copied' --severity high --occurred 2026-02-20T00:00:00Z --aware 2026-03-19T00:00:00Z --logs-from 2026-02-01T00:00:00Z --who sato
INCIDENT=$(field id)
json 2027-03-02T00:00:00Z log list --class operation
FEBRUARY=$(ask '[l["snapshot"] for l in j["logs"] if l["period"]=="2026-02"][0]')
json 2027-03-03T00:00:00Z retain own --dry-run
check frozen-by-the-incident test "$(ask "[[r for r in k['reasons'] if 'incident' in r] for k in j['keep'] if k['id']=='$FEBRUARY']")" = "[['incident $INCIDENT: its logs stay until it is closed']]"
expect 8 nobody-takes-them-out at 2027-03-03T00:00:00Z snapshot forget own "$FEBRUARY" --who sato --why tidy
says "holds logs of incident" told-why-not
json 2027-03-10T00:00:00Z evidence --policy monthly-1-year --period 2027-03
check frozen-is-not-overdue test "$(ask '[g["kind"] for p in j["promises"] for g in p["gaps"] if g["kind"]=="log-overdue" and g["date"]=="2026-02"]')" = "[]"
check closed at 2027-03-10T01:00:00Z incident close "$INCIDENT" --who sato --text 'it was a drill' --no-notice 'nobody was concerned'
json 2027-03-10T02:00:00Z retain own --dry-run
check thawed test "$(ask "['$FEBRUARY' in [d['id'] for d in j['drop']]]")" = "[True]"

# ---- Dropped when their time is over, not before; and the audit log's own entries ----
json 2027-01-31T12:00:00Z run --only retain,gc,logs
json 2027-01-31T13:00:00Z log list
check kept-to-the-end test "$(/usr/bin/python3 -c 'import json,sys; print(sum(l["state"]=="kept" for l in json.load(open(sys.argv[1]))["logs"]))' "$WORK/json")" = 3
json 2027-02-01T16:00:00Z run --only backup
json 2027-02-02T00:00:00Z run --only retain,logs
json 2027-02-02T01:00:00Z log list
check over test "$(/usr/bin/python3 -c 'import json,sys; print(" ".join(sorted(l["source"]+":"+l["period"]+":"+l["state"] for l in json.load(open(sys.argv[1]))["logs"] if l["snapshot"])))' "$WORK/json")" = "main:2026-01:over main:2026-02:kept web:2026-01:over"
json 2027-02-02T02:00:00Z audit list --operation 'audit expire'
check nothing-expired-early test "$(grep -c '"operation":"audit expire"' "$WORK/json")" = 0
json 2027-03-10T00:00:00Z run --only logs
json 2027-03-10T02:00:00Z audit list --operation 'audit expire'
check expired test "$(field entries.0.details.operation)" = 1y
json 2027-03-10T03:00:00Z audit verify
check still-sound test "$CODE" = 0
finish

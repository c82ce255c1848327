#!/bin/bash
# A drill that a policy promises on a server of its own: the two machines' ids decide. No nightly run pretends to do it; it
# is a deadline for people, and evidence counts only what was done on another machine than the kit was made on.
. tests/system/lib.sh
mkdir -p "$WORK/src"; for i in 1 2 3; do echo "$i" >"$WORK/src/$i"; done
export HIKAE_NOW=2026-03-01T02:00:00Z
"$HIKAE" init --dir "$WORK/h" --test-clock --target "a=file://$WORK/a?country=JP" >/dev/null 2>&1
cat >"$WORK/apart.yaml" <<'YAML'
schema: 1
name: apart
title: {ja: 別の機械での復元試験, en: drills on a server of its own}
zone: Asia/Tokyo
promises:
  - {id: tried, status: published, published_at: "", ja: 毎年専用のサーバーで復元を確かめます。, en: Each year a restore is tried on a server of its own.}
schedule: {every: daily, tenants: [customer, provider], window: "01:00-05:00"}
generations: {keep: all}
drills:
  - {keeps: [tried], mode: full, every: 1y, own_server: true}
YAML
check "the policy" hikae policy apply "$WORK/apart.yaml"
hikae tenant add t --policy apart --source "data=dir:$WORK/src" >/dev/null 2>&1
hikae backup t >/dev/null 2>&1
deadline() { hikae --json status >"$WORK/json" 2>/dev/null; /usr/bin/python3 -c 'import json,sys; print(*[(d["tenant"], d["at"], d["missed"]) for d in json.load(open(sys.argv[1]))["deadlines"] if d["what"] == "drill"])' "$WORK/json"; }
result() { hikae --json evidence --policy apart --period 2026 >"$WORK/json" 2>/dev/null; /usr/bin/python3 -c 'import json,sys; p=json.load(open(sys.argv[1]))["promises"][0]; print(p["result"], *sorted({g["kind"] for g in p["gaps"]}))' "$WORK/json"; }
hikae --json run --only drill >"$WORK/json" 2>/dev/null
check "no run does it here" test "$(field done)$(field failed)" = "[][]"
check "it is not near yet" test -z "$(deadline)"
export HIKAE_NOW=2027-02-10T02:00:00Z
check "it is a deadline a month before" test "$(deadline)" = "('t', '2027-03-01T15:00:00Z', False)"
check "a drill on this machine" hikae drill t --mode full
check "does not keep it" test "$(deadline)" = "('t', '2027-03-01T15:00:00Z', False)"
expect 0 "a kit" hikae drill kit t --out "$WORK/kit" --key-file "$WORK/key" --expires 7d
away() { "$HIKAE" --config /nonexistent drill away "$WORK/kit" --key-file "$WORK/key" --mode "$1" --scratch "$WORK/far" --report "$WORK/report-$1$2" >/dev/null 2>"$WORK/err"; }
check "used on the same machine" away full home
check "it is on record" hikae drill accept "$WORK/report-fullhome"
expect 8 "once" hikae drill accept "$WORK/report-fullhome"
check "and keeps nothing" test "$(deadline)" = "('t', '2027-03-01T15:00:00Z', False)"
echo 5ca1ab1e00000000000000000000cafe >"$WORK/machine-id"
# shellcheck disable=SC2016 # for the inner shell
elsewhere() { unshare --mount sh -c 'mount --bind "$0" /etc/machine-id && exec "$@"' "$WORK/machine-id" "$@"; }
if elsewhere true 2>/dev/null; then
    there() { elsewhere "$HIKAE" --config /nonexistent drill away "$WORK/kit" --key-file "$WORK/key" --mode "$1" --scratch "$WORK/far" --report "$WORK/report-$1" >/dev/null 2>"$WORK/err"; }
    rm "$WORK/kit" "$WORK/key"; hikae drill kit t --out "$WORK/kit" --key-file "$WORK/key" --expires 7d >/dev/null 2>&1
    check "a sample on another machine" there sample
    hikae drill accept "$WORK/report-sample" >/dev/null 2>&1
    check "is less than was promised" test "$(deadline)" = "('t', '2027-03-01T15:00:00Z', False)"
    check "a whole snapshot, from the same kit" there full
    hikae --json drill accept "$WORK/report-full" >"$WORK/json" 2>"$WORK/err"
    check "names both machines" test "$(field machine)" != "$(field kit.machine)"
    check "and keeps the promise" test -z "$(deadline)"
    hikae --json evidence --policy apart --period 2027 >"$WORK/json" 2>/dev/null
    check "as evidence says" test "$(field promises.0.proof.0.kind)" = drilled
else
    echo "ok # another machine: no mount namespaces here"
fi
rm -rf "$WORK/h/state/catalog"*
export HIKAE_NOW=2029-01-01T02:00:00Z
hikae tenant add late --policy apart --source "data=dir:$WORK/src" >/dev/null 2>&1
check "a year later it is missed" test "$(deadline | cut -d, -f3 | tr -d ' )')" = True
finish

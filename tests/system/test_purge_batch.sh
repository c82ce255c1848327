#!/bin/bash
# Many tenants, a tenth of them erased in one change of the root epoch: how long it takes, and everybody else restores.
# TENANTS=1000 is the number that the claim is about; the default is smaller, as the machine is shared.
. tests/system/lib.sh
. tests/system/purge_lib.sh
TENANTS=${TENANTS:-200}; ERASED=$((TENANTS / 10))
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2 || { not_ok "store"; finish; }
for i in $(seq 1 "$TENANTS"); do mkdir -p "$WORK/src/t$i"; echo "data of $i" >"$WORK/src/t$i/file"; echo "{\"name\":\"t$i\",\"sources\":[{\"name\":\"data\",\"spec\":\"dir:$WORK/src/t$i\"}]}"; done |
    /usr/bin/python3 -c 'import json,sys; print(json.dumps({"tenants": [json.loads(l) for l in sys.stdin]}))' >"$WORK/load.json"
hikae -q tenant load "$WORK/load.json" --per-night 0 >"$WORK/out" 2>"$WORK/err"; code=$?
check "$TENANTS tenants loaded" test $code -le 1
hikae -q run --only backup >"$WORK/out" 2>"$WORK/err"; code=$?
check "each backed up" test $code -le 1
victims=$(seq -s' ' -f 't%g' 1 10 "$TENANTS")
# shellcheck disable=SC2086 # the names are words
hikae --json purge plan $victims --requester mori --without-contract "closed" >"$WORK/json" 2>"$WORK/err"
check "$ERASED plans" test "$(/usr/bin/python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))["purges"]))' "$WORK/json")" -eq "$ERASED"
/usr/bin/python3 -c 'import json,sys
for p in json.load(open(sys.argv[1]))["purges"]: print(p["name"], p["plan"])' "$WORK/json" >"$WORK/plans"
while read -r name hash; do sign "$name" "$hash" sato && sign "$name" "$hash" tanaka || not_ok "approve $name"; done <"$WORK/plans"
began=$(date +%s.%N)
hikae --json purge run >"$WORK/json" 2>"$WORK/err"; code=$?
took=$(/usr/bin/python3 -c "import sys,time; print('%.1f' % (time.time() - float(sys.argv[1])))" "$began")
check "erased in one batch" test $code -le 1
echo "# $ERASED of $TENANTS tenants erased in $took s"
hikae --json purge status >"$WORK/json" 2>/dev/null
check "all of them gone" test "$(/usr/bin/python3 -c 'import json,sys; print(sum(p["stage"]=="gone" for p in json.load(open(sys.argv[1]))["purges"]))' "$WORK/json")" -eq "$ERASED"
check "one change of the root epoch" test "$(grep -o 'epoch-[0-9]*\.key' "$WORK/h/hikae.yaml" | sort -u)" = epoch-2.key
check "every other tenant's keys open" hikae keys check
restored=0; failed=0
step=${RESTORE_EACH:-20}
for i in $(seq 2 "$step" "$TENANTS"); do
    [ $((i % 10)) -eq 1 ] && continue
    if restores "t$i"; then restored=$((restored + 1)); else failed=$((failed + 1)); fi
done
echo "# $restored of the others restored"
check "every one of the others that was tried restores" test "$failed" -eq 0 -a "$restored" -gt 0
finish

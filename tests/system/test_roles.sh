#!/bin/bash
# hikae roles: what it finds of files, credentials and operators, what it warns of, and that it tells no secret.
. tests/system/lib.sh
D=$WORK/h
chmod 711 "$WORK"
check init "$HIKAE" init --dir "$D" --target "a=file://$WORK/ta" --target "b=file://$WORK/tb"
key=$(ls "$D"/keys/*.key)
report() { "$HIKAE" --config "$D/hikae.yaml" --json roles >"$WORK/json" 2>"$WORK/err"; }
report
check warns test $? = 1
check four-roles test "$(jq -r '[.roles[].role] | join(",")' "$WORK/json")" = "writer,reader,pruner,key officer"
check key-file test "$(jq -r ".files[] | select(.path == \"$key\") | .what + .mode" "$WORK/json")" = key0600
check nobody-else-reads-it test "$(jq ".files[] | select(.path == \"$key\") | .readable_by | length" "$WORK/json")" = 0
check one-configuration test "$(jq '[.warnings[] | select(contains("one configuration serves every role"))] | length' "$WORK/json")" = 1
check too-few-operators test "$(jq '[.warnings[] | select(contains("fewer than two people"))] | length' "$WORK/json")" = 1
check no-secret sh -c "! grep -qF \"\$(cut -d' ' -f4 '$key')\" '$WORK/json'"

# ---- A key that everybody can read ----
chmod 644 "$key"; chmod 711 "$D" "$D/keys"
report
check everybody-reads-it test "$(jq -r ".files[] | select(.path == \"$key\") | .readable_by | join(\",\")" "$WORK/json" | grep -o everybody)" = everybody
check and-is-warned-of test "$(jq "[.warnings[] | select(. == \"everybody can read the key $key\")] | length" "$WORK/json")" = 1
chmod 700 "$D/keys"
report
check a-folder-above-protects test "$(jq -r ".files[] | select(.path == \"$key\") | .readable_by | length" "$WORK/json")" = 0
chmod 600 "$key"

# ---- A configuration a role, credentials a role ----
printf '[default]\naws_access_key_id = AKIDWRITER\naws_secret_access_key = not-to-be-told\n' >"$WORK/w.cred"; chmod 600 "$WORK/w.cred"
for role in writer pruner; do
    sed "s#^state:.*#state: $WORK/state-$role#" "$D/hikae.yaml" | sed '/^targets:/,$d' >"$D/$role.yaml"
    {
        echo 'targets:'
        echo '  - name: cloud'
        echo '    url: s3://bucket/hikae?region=ap-northeast-1&provider=aws'
        echo "    credentials: file:$WORK/w.cred"
        [ $role = writer ] || echo "    credentials_delete: file:$WORK/p.cred"
        sed -n '/^keys:/,$p' "$D/hikae.yaml" | sed '/^targets:/,$d'
    } >>"$D/$role.yaml"
done
"$HIKAE" --config "$D/writer.yaml" --json roles >"$WORK/json" 2>"$WORK/err"
check both-are-found test "$(jq -r '[.roles[] | select(.config != null) | .role] | join(",")' "$WORK/json")" = writer,pruner
check writer-deletes-with-its-own test "$(jq -r '.credentials[] | select(.config == "writer.yaml") | .delete' "$WORK/json")" = "as for writing"
check pruner-has-others test "$(jq -r '.credentials[] | select(.config == "pruner.yaml") | .delete' "$WORK/json")" = "file:$WORK/p.cred"
check writer-is-warned-of test "$(jq '[.warnings[] | select(contains("writer.yaml: target cloud names no credentials_delete"))] | length' "$WORK/json")" = 1
check used-by-both test "$(jq -r ".files[] | select(.path == \"$WORK/w.cred\") | .used_by" "$WORK/json")" = "writer.yaml, pruner.yaml"
check no-credential-is-told sh -c "! grep -q 'AKIDWRITER\|not-to-be-told' '$WORK/json'"
"$HIKAE" --config "$D/writer.yaml" roles >"$WORK/out" 2>"$WORK/err"
says "WRITES WITH" a-table-for-people
"$HIKAE" --config "$D/writer.yaml" --lang ja roles >"$WORK/out" 2>"$WORK/err"
says "保存先にスナップショットを置く" in-japanese-too
expect 2 no-configuration "$HIKAE" --config "$WORK/none.yaml" roles
finish

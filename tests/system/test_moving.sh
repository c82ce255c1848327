#!/bin/bash
# A source that changes under the hands of a backup: what vanishes, or is replaced, costs no more than itself.
. tests/system/lib.sh
if nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init\|__tsan_init'; then ok "a moving source: left out under a sanitizer, which must come first"; finish; fi
swap=$WORK/swap.so
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/swap.c -o "$swap" -ldl || { not_ok "build what moves the source"; finish; }
check "init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --min-copies 1
S=$WORK/src
# moving NAME COMMAND: back up while that happens right before the first thing of this name is opened or read.
tenants=0
moving() {
    tenants=$((tenants + 1))
    hikae tenant add "t$tenants" --source "s=dir:$S" >/dev/null
    LD_PRELOAD=$swap SWAP_NAME=$1 SWAP_COMMAND=$2 timeout 60 "$HIKAE" --config "$WORK/h/hikae.yaml" backup "t$tenants" >"$WORK/out" 2>"$WORK/err"
    code=$?
    rm -rf "$WORK/r"
    hikae restore "t$tenants" --to "$WORK/r" >/dev/null 2>&1
}
fresh() { rm -rf "$S" "$WORK/other"; mkdir -p "$S/d" "$WORK/other"; echo kept >"$S/d/kept"; echo kept >"$S/z"; }
# what is left of it is in the snapshot, and the run ended with that code
rest() { [ "$code" -eq "$1" ] && [ "$(cat "$WORK/r/s/d/kept")" = kept ] && [ "$(cat "$WORK/r/s/z")" = kept ]; }

fresh; ln -s nowhere "$S/link"
moving link "rm $S/link"
check "a link that is removed before it is read is as if it had never been there" rest 0
check "and is not in the snapshot" test ! -L "$WORK/r/s/link"

fresh; ln -s nowhere "$S/link"
moving link "rm $S/link; echo file >$S/link"
check "a link that a file replaces costs a warning" rest 1
says "s/link" "which names it"

fresh; echo old >"$S/file"; echo new >"$WORK/other/file"; chmod 600 "$WORK/other/file"
moving file "mv $WORK/other/file $S/file"
check "a file that another replaces is read as that" rest 0
check "content and mode are of one file" test "$(cat "$WORK/r/s/file") $(stat -c %a "$WORK/r/s/file")" = "new 600"

fresh; echo old >"$S/aa"; ln "$S/aa" "$S/bb"; ln "$S/aa" "$S/cc"; echo new >"$WORK/other/aa"
moving aa "mv $WORK/other/aa $S/aa"
check "the first name of a file is replaced while it is read" rest 0
check "it is the new file, the other names are the old one" test "$(cat "$WORK/r/s/aa" "$WORK/r/s/bb" "$WORK/r/s/cc" | tr '\n' ' ')" = "new old old "
check "still one file" test "$WORK/r/s/bb" -ef "$WORK/r/s/cc" -a ! "$WORK/r/s/aa" -ef "$WORK/r/s/bb"

fresh; echo old >"$S/aa"; ln "$S/aa" "$S/bb"
moving aa "rm $S/aa"
check "the first name of a file vanishes" rest 0
check "the second is the file" test "$(cat "$WORK/r/s/bb")" = old -a ! -e "$WORK/r/s/aa"

# Of 300 folders, not all stay open: the first is closed when the file in it is read. Whether that was read when they go
# is a matter of luck: what goes then costs nothing, or a warning, and never anything else.
others_stay() {
    local i round
    for round in 1 2 3 4 5 6; do
        fresh; for i in $(seq 100 400); do mkdir "$S/d$i"; echo x >"$S/d$i/f"; ln -s x "$S/d$i/g"; done
        moving z "mv $S/d100 $S/d101 $WORK/other/; mkdir $S/d100; echo y >$S/d100/f"
        [ "$code" -le 1 ] && rest "$code" && [ "$(find "$WORK/r/s" -name f | wc -l)" -ge 299 ] || { echo "round $round: exit $code"; return 1; }
    done
}
check "folders that vanish or are replaced before they are read cost themselves" others_stay
finish

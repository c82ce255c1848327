#!/bin/bash
# Tables in a terminal: aligned where they fit, a block for each row where they would pass the edge, without colours where
# NO_COLOR is set or nothing is a terminal, and with heads in the language of the reader.
. "$(dirname "$0")/../system/lib.sh"

# on_terminal COLUMNS ARGUMENTS…: what hikae writes to a terminal of that width, into $WORK/out.
on_terminal() {
    local width=$1; shift
    /usr/bin/python3 - "$WORK/out" "$width" "$HIKAE" --config "$WORK/h/hikae.yaml" "$@" <<'END'
import fcntl, os, pty, struct, sys, termios
out, width, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    os.execv(command[0], command)
text = b""
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:
        break
    if not more:
        break
    text += more
os.waitpid(child, 0)
open(out, "wb").write(text.replace(b"\r\n", b"\n"))
END
}
# widest: of the lines of blocks in $WORK/out, as a terminal counts them; sentences may go on in the next line.
widest() { /usr/bin/python3 -c '
import re, sys, unicodedata
wide = lambda line: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
print(max(wide(re.sub(r"\x1b\[[0-9;]*[mK]", "", line)) for line in open(sys.argv[1]).read().split("\n") if line.startswith("  ")))' "$WORK/out"; }

mkdir -p "$WORK/src"
echo a >"$WORK/src/f"
check init "$HIKAE" init --dir "$WORK/h" --target "tokyo=file://$WORK/one" --target "osaka=file://$WORK/two"
for t in acme "long-name-of-a-customer"; do hikae tenant add "$t" --source "d=dir:$WORK/src" >/dev/null 2>&1; hikae backup "$t" >/dev/null 2>&1; done

unset NO_COLOR
on_terminal 120 --lang en status
check coloured grep -q $'\x1b\\[' "$WORK/out"
NO_COLOR=1 on_terminal 120 --lang en status
check fits grep -q '^TENANT .*LAST SUCCESS .*AGE' "$WORK/out"
check no-colour sh -c "! grep -q \"\$(printf '\\033')\\[[0-9;]*m\" '$WORK/out'"
hikae --lang en status >"$WORK/out" 2>/dev/null
check piped sh -c "grep -q '^TENANT' '$WORK/out' && ! grep -q \"\$(printf '\\033')\" '$WORK/out'"
NO_COLOR=1 on_terminal 60 --lang en status
check narrow test "$(widest)" -le 60
check block-of-a-row grep -qx 'long-name-of-a-customer' "$WORK/out"
check block-has-heads grep -qE '^  LAST SUCCESS  [0-9]{4}-' "$WORK/out"
check nothing-is-lost test "$(grep -c '^  BEHIND' "$WORK/out")" = 2
NO_COLOR=1 on_terminal 60 --lang ja status
check narrow-japanese test "$(widest)" -le 60
check heads-in-japanese grep -q '^  最終成功  [0-9]' "$WORK/out"
NO_COLOR=1 on_terminal 120 --lang ja status
check table-in-japanese grep -q '^テナント .*最終成功 .*経過' "$WORK/out"
check every-row test "$(grep -cE '^(acme|long-name)' "$WORK/out")" = 2
# ---- Several tables ----
hikae --lang en roles >"$WORK/out" 2>/dev/null
check "an empty line between tables, and none before the first" sh -c "head -1 '$WORK/out' | grep -q '^ROLE' && grep -B1 '^FILE ' '$WORK/out' | head -1 | grep -qx ''"
finish

#!/bin/bash
# Puts manual pages and completions, as hikae generated them, where they belong, or takes them away again.
#
#   install_generated.sh install|uninstall GENERATED PREFIX
#
# GENERATED/man holds hikae.1, hikae-backup.1 …, and GENERATED/man/ja the same in Japanese; GENERATED/completion holds hikae.bash, _hikae (zsh) and hikae.fish.
set -euo pipefail
action=$1 generated=$2 prefix=$3

place_of() {
    local name=${1##*/}
    case $1 in
    */man/ja/*.[1-9]) echo "share/man/ja/man${name##*.}/$name" ;;
    */man/*.[1-9]) echo "share/man/man${name##*.}/$name" ;;
    */completion/*.bash | */completion/hikae) echo "share/bash-completion/completions/hikae" ;;
    */completion/_*) echo "share/zsh/site-functions/$name" ;;
    */completion/*.zsh) echo "share/zsh/site-functions/_${name%.zsh}" ;;
    */completion/*.fish) echo "share/fish/vendor_completions.d/$name" ;;
    *)
        echo "install_generated.sh: no place is known for $1" >&2
        return 1
        ;;
    esac
}

case $action in
install)
    find "$generated/man" "$generated/completion" -type f | sort | while IFS= read -r file; do
        place=$(place_of "$file")
        install -D -m 644 "$file" "$prefix/$place"
    done
    ;;
uninstall)
    rm -f "$prefix"/share/man/{,ja/}man[1-9]/hikae.[1-9] "$prefix"/share/man/{,ja/}man[1-9]/hikae-*.[1-9] \
        "$prefix/share/man/man5/hikae.yaml.5" "$prefix/share/bash-completion/completions/hikae" \
        "$prefix/share/zsh/site-functions/_hikae" "$prefix/share/fish/vendor_completions.d/hikae.fish"
    ;;
*)
    echo "usage: $0 install|uninstall GENERATED PREFIX" >&2
    exit 2
    ;;
esac

#!/usr/bin/env bash
# Proves that a newcomer's machine is enough: makes a bare Debian 12 with Rust, gcc and libc6-dev
# in a folder, clones the committed state of this checkout into it, and runs there
#     cargo xtask demo
#     cargo xtask test --yes        (with --all as second argument: cargo xtask test --all --yes)
#
# Usage, as root: tests/fresh_machine.sh FOLDER [--all]
#
# FOLDER must not exist yet and stays behind, with the demo's sound in it (5 GB, 15 GB with --all).
# Needs debootstrap and rustup on the host; no crate, Python package or build output is taken over.
# MIRROR names a Debian mirror other than debootstrap's own choice.
set -euo pipefail

if [[ $# -lt 1 || $# -gt 2 || ${2:---all} != --all ]]; then
    sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2
    exit 2
fi
folder=$1
all=${2:-}
if [[ -e $folder ]]; then
    echo "$folder is already there: name a folder that is not, or remove it." >&2
    exit 2
fi
if [[ $EUID -ne 0 ]]; then
    echo "Only root can change into a folder as if it were a machine: try sudo." >&2
    exit 2
fi
checkout=$(cd "$(dirname "$0")/.." && pwd)
# Under sudo, Rust is that of the person who called it, and git wants to be run by the checkout's owner.
home=$(getent passwd "${SUDO_USER:-$(id -un)}" | cut -d: -f6)
rustup_home=${RUSTUP_HOME:-$home/.rustup}
cargo_home=${CARGO_HOME:-$home/.cargo}
owner=$(stat -c %U "$checkout")
as_owner() { if [[ $owner == "$(id -un)" ]]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

echo "== Debian 12 with gcc and libc6-dev only"
debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$folder" ${MIRROR:+"$MIRROR"} >"$folder.log"

echo "== The host's way to the network: name server, certificates, proxies, package settings"
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
if [[ -e /etc/pip.conf ]]; then cp -L /etc/pip.conf "$folder/etc/"; fi
variables=(HOME=/root LANG=C.UTF-8 PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [[ -n ${!name:-} ]]; then variables+=("$name=${!name}"); fi
done

echo "== rustup's cargo, without crates"
toolchain=$(basename "$(RUSTUP_HOME=$rustup_home "$cargo_home/bin/rustc" --print sysroot)")
mkdir -p "$folder/root/.rustup/toolchains" "$folder/root/.cargo"
cp "$rustup_home/settings.toml" "$folder/root/.rustup/"
tar -C "$rustup_home/toolchains" --exclude=share/doc -c "$toolchain" | tar -C "$folder/root/.rustup/toolchains" -x
cp -a "$cargo_home/bin" "$folder/root/.cargo/"
if [[ -e $cargo_home/config.toml ]]; then cp "$cargo_home/config.toml" "$folder/root/.cargo/"; fi

echo "== The committed state of $checkout"
as_owner git -C "$checkout" bundle create --quiet - HEAD >"$folder/root/retort.bundle"
git -c advice.detachedHead=false clone --quiet "$folder/root/retort.bundle" "$folder/root/retort"
rm "$folder/root/retort.bundle"

mount -t proc proc "$folder/proc"
mount --rbind /dev "$folder/dev"
mount --make-rslave "$folder/dev"
trap 'umount -l "$folder/dev" "$folder/proc"' EXIT

inside() {
    echo "== In the fresh machine: $*"
    SECONDS=0
    chroot "$folder" env -i "${variables[@]}" sh -c 'cd /root/retort && exec "$@"' sh "$@" </dev/null
    echo "== $* took $((SECONDS / 60)) min $((SECONDS % 60)) s"
}
inside cargo xtask demo
inside cargo xtask test $all --yes

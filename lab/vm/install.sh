#!/bin/sh
# Makes a Debian machine fit to run the lab: the tools that the tests use, and,
# when a cache directory is named, qemu and a kernel that has IPVS, unpacked
# there and never installed.  Does nothing when all is there.
#
#	install.sh          tools only (this machine's own kernel has IPVS)
#	install.sh CACHE    tools, qemu, CACHE/kernel -> kernel-VERSION
set -eu
export DEBIAN_FRONTEND=noninteractive

# command:package; looking for the command is much faster than asking dpkg.
tools="ip:iproute2 unshare:util-linux ps:procps modprobe:kmod ipvsadm:ipvsadm nginx:nginx-light
keepalived:keepalived nft:nftables curl:curl tcpdump:tcpdump conntrack:conntrack"
machine="qemu-system-x86_64:qemu-system-x86 xz:xz-utils"

# apt runs its argument; when that fails, once more with fresh package lists.
apt() {
	"$@" || { apt-get -q update >&2 && "$@"; }
}

# quietly installs packages without starting what they bring.
quietly() {
	ours=
	if [ ! -e $policy ]; then
		ours=yes
		trap 'rm -f $policy' EXIT
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	apt apt-get -q -y install --no-install-recommends "$@" >&2
	if [ -n "$ours" ]; then
		rm -f $policy
	fi
}

policy=/usr/sbin/policy-rc.d
missing=
for tool in $tools ${1:+$machine}; do
	command -v "${tool%:*}" >/dev/null || missing="$missing ${tool#*:}"
done
# The guest's first program must be the static one, which has the same name.
if [ $# -gt 0 ] && ! dpkg-query -W -f '${Status}' busybox-static 2>/dev/null | grep -q ' installed$'; then
	missing="$missing busybox-static"
fi
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "lab: packages are missing:$missing (run as root: apt-get install$missing)" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # one word for each package
	quietly $missing
fi
[ $# -gt 0 ] || exit 0

cache=$1
[ ! -e "$cache/kernel/boot" ] || exit 0

# The package that the meta package of Debian's full kernel depends on; the
# cloud flavour would lack 9p.
package() {
	apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)$/\1/p' | grep .
}
name=$(apt package | head -n 1)
version=${name#linux-image-}
work=$(mktemp -d "$cache/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "lab: fetching $name" >&2
cd "$work"
apt apt-get -q -o APT::Sandbox::User=root download "$name" >&2
echo "lab: unpacking it" >&2
dpkg -x ./*.deb root
find root/lib/modules -name '*.ko.xz' -exec xz -d {} +
depmod -b root "$version"
# Taken out of its compression here, the kernel need not do it under emulation,
# which takes it seconds. What is not xz is booted as it is.
image=root/boot/vmlinuz-$version
offset=$(LC_ALL=C grep -abo "$(printf '\375')7zXZ" "$image" | head -n 1 | cut -d : -f 1)
if [ -n "$offset" ]; then
	tail -c "+$((offset + 1))" "$image" | xz -dc --single-stream >root/boot/vmlinux || rm root/boot/vmlinux
fi
rm -rf "$cache/kernel-$version"
mv root "$cache/kernel-$version"
ln -sfn "kernel-$version" "$cache/kernel"

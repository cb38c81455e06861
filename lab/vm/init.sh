#!/bin/busybox sh
# First process of the guest, in the initramfs: puts a memory overlay over the
# host's root file system and goes on there.  What the guest writes is gone
# when it ends, except under the shared results directory.
/bin/busybox mkdir -p /proc /sys /dev /ro /rw /new
/bin/busybox --install -s /bin
export PATH=/bin

fail() {
	echo "lab-init: $*" >/dev/kmsg
	poweroff -f
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	insmod "/modules/$module" || fail "insmod $module"
done </modules/order
for word in $(cat /proc/cmdline); do
	case $word in lab.run=*) run=${word#*=} ;; esac
done

p9=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o ro,$p9,cache=loose root /ro || fail "mount the host's root"
mount -t tmpfs -o size=75% tmpfs /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work overlay /new || fail "mount the overlay"
. "/new$run/guest" || fail "read $run/guest" # sets out, modules

mount --move /proc /new/proc
mount --move /sys /new/sys
mount --move /dev /new/dev
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
mkdir -p /new/dev/pts /new/dev/shm /new/lib/modules "/new$out"
mount -t devpts -o mode=620,ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs tmpfs /new/dev/shm
mount -t tmpfs -o mode=755 tmpfs /new/run
mount -t 9p -o $p9 out "/new$out" || fail "mount $out"
mount --bind "/new$modules" /new/lib/modules || fail "mount the modules"
ln -s /proc/self/fd /new/dev/fd
ln -s /proc/self/fd/0 /new/dev/stdin
ln -s /proc/self/fd/1 /new/dev/stdout
ln -s /proc/self/fd/2 /new/dev/stderr

hostname lab
echo "127.0.1.1 lab" >>/new/etc/hosts
ip link set lo up
mkdir /new/run/lock /new/run/lab
cp /second.sh /new/run/lab/second.sh
# As PID 1, so that the kernel's own calls of modprobe see the new root too.
exec switch_root /new /bin/sh /run/lab/second.sh "$run"

# The guest's PID 1 once the root is in place: runs the job, hands back its exit
# status on the second port, powers off.  A shell that waits reaps orphans too.
# Output goes to the first port, or all goes to the terminal.
run=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ulimit -n 65536
n=0
until set -- /dev/vport*p1 /dev/vport*p2 && [ -e "$2" ] || [ $n -ge 200 ]; do
	sleep 0.05
	n=$((n + 1))
done
. "$run/guest" # sets terminal and network, if the job is to have them
if [ -n "${terminal-}" ]; then
	modprobe virtio_net && ip link set eth0 up && ip addr add "$network" dev eth0
	# The size is set while it is open, because opening it sets another.
	setsid --ctty --wait /bin/sh -c "stty $terminal; exec /bin/sh '$run/job'" </dev/hvc0 >/dev/hvc0 2>&1
else
	/bin/sh "$run/job" </dev/null >"$1" 2>&1
fi
echo $? >"$2"
sync
echo o >/proc/sysrq-trigger
sleep 60

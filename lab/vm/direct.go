package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// directScript makes the new namespaces look like the guest: lo up, /sys of the
// new network, directories that are written to in memory.
const directScript = `
mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 125
ip link set lo up || exit 125
ulimit -n "$(ulimit -Hn)"
eval "$1" # in a child: PID 1 stays a shell that reaps orphans
`

// Direct runs the job on this machine's own kernel, in network, mount and process
// namespaces of its own, and returns its exit status. Every process of the job
// ends with it.
func Direct(ctx context.Context, job Job) (int, error) {
	if err := job.check(); err != nil {
		return 0, err
	}
	if err := Install(ctx, job.Log); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(job.Out, 0o755); err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, job.Timeout, fmt.Errorf("no end within %v", job.Timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", directScript, "sh", "("+job.script()+")")
	cmd.Stdout, cmd.Stderr = job.Output, job.Output
	detach, err := job.attachTo(cmd)
	if err != nil {
		return 0, err
	}
	defer detach()
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	code, err := status(cmd.Run())
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return 0, fmt.Errorf("lab: command killed: %w", cause)
	}
	if err != nil {
		return 0, fmt.Errorf("lab: unshare: %w", err)
	}
	return code, nil
}

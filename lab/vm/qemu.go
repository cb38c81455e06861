package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bootLine is the kernel's command line; "lab.run=" and a path follow.
//   - panic=-1 with qemu's -no-reboot: a panic ends the guest at once.
//   - tsc: the emulated one is steady, and every other clock is a slow device.
//   - rcu_expedited: namespaces and devices go away in a tenth of the time.
const bootLine = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr " +
	"clocksource=tsc tsc=reliable random.trust_cpu=on rcupdate.rcu_expedited=1 lab.run="

// Run boots the guest, runs the job in it and returns the job's exit status. The
// kernel's messages are in kernel.log in the job's results directory. The guest
// dies with ctx, with the job's timeout, and with this process.
func Run(ctx context.Context, job Job) (int, error) {
	if err := job.check(); err != nil {
		return 0, err
	}
	job, more, err := job.attached()
	if err != nil {
		return 0, err
	}
	run, args, err := prepare(ctx, job)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(run)
	defer job.keepTerminal()()
	ctx, cancel := context.WithTimeoutCause(ctx, job.Timeout, fmt.Errorf("no end within %v", job.Timeout))
	defer cancel()

	if err := qemu(ctx, append(args, more...), job); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return 0, fmt.Errorf("lab: guest killed: %w", cause)
		}
		return 0, fmt.Errorf("lab: qemu: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(run, "status"))
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	code, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("lab: the guest ended without an exit status; its kernel says:\n%s", tail(filepath.Join(job.Out, "kernel.log")))
	}
	return code, nil
}

// prepare makes everything that the guest reads, and qemu's arguments.
func prepare(ctx context.Context, job Job) (run string, args []string, err error) {
	unlock, err := locked(job.Cache)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	if err := Install(ctx, job.Log, job.Cache); err != nil {
		return "", nil, err
	}
	k, err := openKernel(job.Cache)
	if err != nil {
		return "", nil, err
	}
	initramfs, err := k.initramfs(job.Cache)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(job.Out, 0o755); err != nil {
		return "", nil, fmt.Errorf("lab: %w", err)
	}
	if run, err = os.MkdirTemp(job.Cache, "run-"); err != nil {
		return "", nil, fmt.Errorf("lab: %w", err)
	}
	guest := fmt.Sprintf("out=%s\nmodules=%s\n", quote(job.Out), quote(k.modules)) + job.guestTerminal()
	err = errors.Join(
		os.WriteFile(filepath.Join(run, "guest"), []byte(guest), 0o644),
		os.WriteFile(filepath.Join(run, "job"), []byte(job.script()), 0o644))
	if err != nil {
		return "", nil, fmt.Errorf("lab: %w", err)
	}
	return run, qemuArgs(job, k.image, initramfs, run), nil
}

// qemuArgs describes the machine. Emulation, not KVM: Debian's guest kernel
// hangs under some machines' /dev/kvm, and a boot takes a few seconds anyway.
func qemuArgs(job Job, image, initramfs, run string) []string {
	return []string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
		"-smp", strconv.Itoa(job.CPUs), "-m", strconv.Itoa(job.Memory),
		"-kernel", image, "-initrd", initramfs, "-append", bootLine + run,
		"-serial", "file:" + filepath.Join(job.Out, "kernel.log"),
		"-device", "virtio-rng-pci",
		"-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
		"-virtfs", "local,path=" + job.Out + ",mount_tag=out,security_model=none,multidevs=remap",
		"-device", "virtio-serial-pci",
		"-add-fd", "fd=3,set=1", "-chardev", "file,id=output,path=/dev/fdset/1,append=on",
		"-device", "virtserialport,nr=1,chardev=output",
		"-chardev", "file,id=status,path=" + filepath.Join(run, "status"),
		"-device", "virtserialport,nr=2,chardev=status",
	}
}

// qemu runs the machine to its end and copies what the job prints.
func qemu(ctx context.Context, args []string, job Job) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	var complaints strings.Builder
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stdout, cmd.Stderr = &complaints, &complaints
	if job.Terminal != nil {
		cmd.Stdin, cmd.Stdout = job.Terminal, job.Output
	}
	// The signal is sent when the starting thread dies, so this goroutine keeps it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(job.Output, r)
		copied <- err
	}()
	err = cmd.Wait()
	r.SetReadDeadline(time.Now().Add(time.Second)) // should a child of qemu hold the other end
	copyErr := <-copied
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return copyErr
}

// tail returns the end of a text file, or why it cannot be read.
func tail(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	return string(data[max(0, len(data)-most):])
}

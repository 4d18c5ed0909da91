package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a bench makes outlives it if it is killed: directories, control groups
// and network namespaces. So one process measures, and another one, its parent,
// does nothing but wait for it and take all that away, however it ended. What
// is left when the parent is killed too, the next bench takes away: each lab
// has a file here that is locked as long as its bench lives, and that names its
// directory. Namespaces and groups are called like the directory.
const labs = "/run/duet-bench"

const (
	labPrefix = "duet-bench-"
	labOf     = "DUET_BENCH_LAB" // tells the process that measures which directory is its own
)

// guard runs the bench in a process of its own and cleans up behind it.
func guard(parent string) (err error) {
	if err := os.MkdirAll(labs, 0o755); err != nil {
		return err
	}
	if err := sweep(labs); err != nil {
		fmt.Fprintf(os.Stderr, "bench: what an earlier one left: %v\n", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	dir, err := os.MkdirTemp(parent, labPrefix)
	if err != nil {
		return err
	}
	claim, err := claimLab(labs, dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		err = errors.Join(err, removeLab(dir), os.Remove(claim.Name()), claim.Close())
	}()
	runtime.LockOSThread() // the worker dies with the thread that started it
	defer runtime.UnlockOSThread()
	worker := exec.Command("/proc/self/exe", os.Args[1:]...)
	worker.Env = append(os.Environ(), labOf+"="+dir)
	worker.Stdout, worker.Stderr = os.Stdout, os.Stderr
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := worker.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Wait() }()
	select {
	case err := <-ended:
		return err
	case s := <-signals:
		return errors.Join(fmt.Errorf("ended by %v; what was measured until then is kept", s), worker.Process.Kill(), ignoreExit(<-ended))
	}
}

func ignoreExit(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil
	}
	return err
}

// claimLab makes the file that says whose dir is, locked.
func claimLab(labs, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(labs, filepath.Base(dir)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	_, err = f.WriteString(dir)
	return f, err
}

// sweep takes away the labs of benches that are no more.
func sweep(labs string) error {
	all, err := os.ReadDir(labs)
	if err != nil {
		return err
	}
	for _, e := range all {
		err = errors.Join(err, sweepLab(filepath.Join(labs, e.Name())))
	}
	return err
}

func sweepLab(claim string) error {
	f, err := os.Open(claim)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // it is at work
	}
	text, err := os.ReadFile(claim)
	if err != nil || len(text) == 0 {
		return err // another one is just being made, or was killed before it made anything
	}
	dir := string(text)
	if filepath.Base(dir) != filepath.Base(claim) || !strings.HasPrefix(filepath.Base(dir), labPrefix) {
		return fmt.Errorf("%s names %q, which is no lab", claim, dir)
	}
	return errors.Join(removeLab(dir), os.Remove(claim))
}

// removeLab ends what runs in a lab and removes all that belongs to it.
func removeLab(dir string) error {
	mount, err := groupMount()
	for _, name := range []string{"a", "b"} {
		space := spaceOf(dir, name)
		if group := filepath.Join(mount, space); mount != "" && !missing(group) {
			err = errors.Join(err, killGroup(group))
		}
		if !missing("/run/netns/" + space) {
			err = errors.Join(err, run("ip", "netns", "del", space))
		}
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// spaceOf is what a host's network namespace and control group are called.
func spaceOf(dir, name string) string { return filepath.Base(dir) + "-" + name }

// killGroup ends every process of a control group, and removes it.
func killGroup(group string) error {
	err := os.WriteFile(filepath.Join(group, "cgroup.kill"), []byte("1"), 0)
	for range 500 {
		if err != nil {
			return err
		}
		rerr := os.Remove(group)
		if !errors.Is(rerr, unix.EBUSY) {
			return rerr
		}
		pause(20) // they are still on their way out
	}
	return fmt.Errorf("%s: does not get empty", group)
}

func pidsOf(group string) []string {
	text, _ := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	return strings.Fields(string(text))
}

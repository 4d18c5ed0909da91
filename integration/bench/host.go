package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// host is one of the two: a network namespace, and a control group that all
// its processes are in, so that what they used can be told when they are gone.
type host struct {
	name, addr string
	space      string // the network namespace's name
	dir        string // all its files
	group      string // the control group's directory
	groupFile  *os.File
	jobs       chan func() // run by the thread that lives in the namespace
}

func newHost(name, addr, dir string) (*host, error) {
	h := &host{name: name, addr: addr, dir: filepath.Join(dir, name), jobs: make(chan func()),
		space: spaceOf(dir, name)}
	if err := run("ip", "netns", "add", h.space); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return nil, err
	}
	mount, err := groupMount()
	if err != nil {
		return nil, err
	}
	h.group = filepath.Join(mount, h.space)
	if err := os.Mkdir(h.group, 0o755); err != nil {
		return nil, err
	}
	if h.groupFile, err = os.Open(h.group); err != nil {
		return nil, err
	}
	entered := make(chan error)
	go h.live(entered)
	if err := <-entered; err != nil {
		return nil, err
	}
	return h, run("ip", "-n", h.space, "link", "set", "lo", "up")
}

// groupMount is where cgroup2 is mounted; its cpu.stat needs no controller.
func groupMount() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); strings.Contains(lines.Text(), " - cgroup2 ") {
			return words[4], nil
		}
	}
	return "", errors.New("no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup")
}

// live is the thread in the namespace. It forks everything that the host runs,
// and never ends: children die with the thread that forked them.
func (h *host) live(entered chan<- error) {
	runtime.LockOSThread()
	f, err := os.Open("/run/netns/" + h.space)
	if err == nil {
		err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
		f.Close()
	}
	entered <- err
	if err != nil {
		return
	}
	for job := range h.jobs {
		job()
	}
}

// here runs f in the namespace.
func (h *host) here(f func() error) error {
	result := make(chan error)
	h.jobs <- func() { result <- f() }
	return <-result
}

func (h *host) command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "UNISON="+filepath.Join(h.dir, "unison"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(h.groupFile.Fd())}
	return cmd
}

func (h *host) start(cmd *exec.Cmd) error { return h.here(cmd.Start) }

// run runs a command on the host and returns its output.
func (h *host) run(ctx context.Context, words ...string) (string, error) {
	cmd := h.command(ctx, words...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.String(), fmt.Errorf("on %s: %s: %w\n%s", h.name, strings.Join(words, " "), err, out.String())
	}
	return out.String(), nil
}

func (h *host) listen(addr string) (l net.Listener, err error) {
	err = h.here(func() error {
		l, err = net.Listen("tcp", addr)
		return err
	})
	return l, err
}

func (h *host) dial(addr string) (c net.Conn, err error) {
	err = h.here(func() error {
		c, err = net.Dial("tcp", addr)
		return err
	})
	return c, err
}

// sent is how many bytes have left the host on its one interface.
func (h *host) sent() (n int64, err error) {
	err = h.here(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "eth:"); ok {
				n, err = strconv.ParseInt(strings.Fields(rest)[8], 10, 64)
				return err
			}
		}
		return errors.New("no interface eth")
	})
	return n, err
}

func (h *host) pids() []string { return pidsOf(h.group) }

func run(words ...string) error {
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}

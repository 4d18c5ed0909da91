package rig

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// User is somebody else to run the daemons as; only root can.
type User struct{ UID, GID uint32 }

// Nobody is a user who may do nothing special.
var Nobody = &User{65534, 65534}

// Node is one of the two: its files, and its daemon while that runs.
type Node struct {
	Name   string
	Dir    string // all that is n's
	State  string
	Config string
	Log    string   // what every run printed
	Shares []string // names, see Root
	Listen string
	Key    string // public, as one line
	Wrap   []string
	User   *User

	t      testing.TB
	binary string
	cmd    *exec.Cmd
	exit   chan error
}

// patience is how long a daemon may take to come up, or to end: far longer than it
// does, as it may be one of a dozen on two processors.
const patience = time.Minute

// Start starts the daemon and waits until it answers.
func (n *Node) Start() {
	n.t.Helper()
	n.Launch()
	if !Until(patience, func() bool { _, err := n.Status(); return err == nil || !n.Running() }) || !n.Running() {
		n.t.Fatalf("%s does not come up\n%s", n.Name, n.LogTail(40))
	}
}

// Launch starts the daemon and waits for nothing.
func (n *Node) Launch() {
	n.t.Helper()
	if n.Running() {
		n.t.Fatalf("%s runs already", n.Name)
	}
	words := append(append([]string{}, n.Wrap...), n.binary, "--config", n.Config, "run")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.SysProcAttr = n.attributes()
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = n.Dir
	if err := spawn(cmd); err != nil {
		n.t.Fatalf("start %s: %v", n.Name, err)
	}
	n.cmd, n.exit = cmd, make(chan error, 1)
	go func() { n.exit <- cmd.Wait() }()
}

func (n *Node) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if n.User != nil {
		a.Credential = &syscall.Credential{Uid: n.User.UID, Gid: n.User.GID}
	}
	return a
}

// Running reports whether the daemon runs, as far as we have noticed.
func (n *Node) Running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case err := <-n.exit:
		n.exit <- err
		return false
	default:
		return true
	}
}

// Pid is the daemon's.
func (n *Node) Pid() int { return n.cmd.Process.Pid }

// Signal sends the daemon a signal.
func (n *Node) Signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Fatalf("signal %s: %v", n.Name, err)
	}
}

// Kill kills the daemon with SIGKILL and waits until it is gone.
func (n *Node) Kill() {
	n.t.Helper()
	n.Signal(syscall.SIGKILL)
	n.Exit(patience)
}

// Stop ends the daemon in an orderly way, which must succeed.
func (n *Node) Stop() {
	n.t.Helper()
	n.Signal(syscall.SIGTERM)
	if code := n.Exit(patience); code != 0 {
		n.t.Errorf("%s: exit code %d after SIGTERM\n%s", n.Name, code, n.LogTail(40))
	}
}

// Exit waits for the daemon to end and returns its exit code, -1 if a signal
// ended it.
func (n *Node) Exit(within time.Duration) int {
	n.t.Helper()
	select {
	case <-n.exit:
	case <-time.After(within):
		n.Signal(syscall.SIGQUIT) // its goroutines, for the log
		<-n.exit
		n.t.Fatalf("%s does not end within %v\n%s", n.Name, within, n.LogTail(200))
	}
	code := n.cmd.ProcessState.ExitCode()
	n.cmd = nil
	return code
}

// Duet runs another command on n's configuration.
func (n *Node) Duet(args ...string) (stdout, stderr string, code int) {
	n.t.Helper()
	return n.Command(append([]string{"--config", n.Config}, args...)...)
}

// Command runs the binary as n's user, with just these arguments.
func (n *Node) Command(args ...string) (stdout, stderr string, code int) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, n.binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Dir = n.Dir
	cmd.SysProcAttr = n.attributes()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		n.t.Fatalf("duet %s: %v\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Must runs a command that has to succeed, and returns its output.
func (n *Node) Must(args ...string) string {
	n.t.Helper()
	out, errs, code := n.Duet(args...)
	if code != 0 {
		n.t.Fatalf("%s: duet %s: exit code %d\n%s%s", n.Name, strings.Join(args, " "), code, out, errs)
	}
	return out
}

// LogTail returns the last lines of the daemon's log.
func (n *Node) LogTail(lines int) string {
	text, err := os.ReadFile(n.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return n.Name + " logged last:\n  " + strings.Join(all[max(0, len(all)-lines):], "\n  ") + "\n"
}

// checkLog fails the test if the daemon ever panicked, or raced while built
// with DUET_RACE=1.
func (n *Node) checkLog() {
	text, err := os.ReadFile(n.Log)
	if err != nil {
		return // it was never started
	}
	for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "runtime error: "} {
		if i := bytes.Index(text, []byte(bad)); i >= 0 {
			n.t.Errorf("%s printed %q:\n%s", n.Name, bad, text[i:min(len(text), i+6000)])
		}
	}
}

// At returns the path of something in n's first share.
func (n *Node) At(elem ...string) string {
	return filepath.Join(append([]string{n.Root(n.Shares[0])}, elem...)...)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// tool keeps two trees the same, or tries to.
type tool interface {
	name() string
	version() (string, error) // an error: it is not installed
	// configure writes what the tool needs to know, for trees without history.
	configure(l *lab) error
	// commands are the long-running processes, per host.
	commands(l *lab) (a, b []string)
}

// every tool that runs all the time; the pipes are in pipes.go.
var tools = []tool{duetTool{}, lsyncdTool{}, unisonTool{}, syncthingTool{}}

// running is a tool at work.
type running struct {
	l    *lab
	t    tool
	cmds []*exec.Cmd
	ends []chan error
}

func (r *running) start() error { return errors.Join(r.startOn(0), r.startOn(1)) }

// startOn starts what runs on one of the hosts.
func (r *running) startOn(side int) error {
	a, b := r.t.commands(r.l)
	words := [][]string{a, b}[side]
	if words == nil {
		return nil
	}
	h := r.l.hosts()[side]
	log, err := os.OpenFile(filepath.Join(h.dir, r.t.name()+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	cmd := h.command(context.Background(), words...)
	cmd.Stdout, cmd.Stderr = log, log
	err = h.start(cmd)
	log.Close()
	if err != nil {
		return fmt.Errorf("start %s on %s: %w", r.t.name(), h.name, err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	r.cmds, r.ends = append(r.cmds, cmd), append(r.ends, end)
	return nil
}

// stop ends the tool in an orderly way, if it knows one.
func (r *running) stop() error {
	for _, cmd := range r.cmds {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	for i, end := range r.ends {
		select {
		case <-end:
		case <-time.After(20 * time.Second):
			_ = r.cmds[i].Process.Kill()
			<-end
		}
	}
	r.cmds, r.ends = nil, nil
	return nil
}

// dead says which process has ended by itself.
func (r *running) dead() error {
	for i, end := range r.ends {
		select {
		case err := <-end:
			end <- err
			log, _ := os.ReadFile(filepath.Join(r.cmds[i].Dir, r.t.name()+".log"))
			return fmt.Errorf("%s ended: %v\n%s", r.t.name(), err, log[max(0, len(log)-2000):])
		default:
		}
	}
	return nil
}

// await asks done every so often; it returns when that was first true.
func (r *running) await(every, within time.Duration, done func() bool) (time.Time, error) {
	end := time.Now().Add(within)
	for {
		if done() {
			return time.Now(), nil
		}
		if err := r.dead(); err != nil {
			return time.Time{}, err
		}
		if time.Now().After(end) {
			return time.Time{}, fmt.Errorf("not done within %v", within)
		}
		time.Sleep(every) // what is watched are another tool's files: there is no event
	}
}

// awaitEqual is await, and then makes sure that the trees are equal; if they
// are not yet, it goes on.
func (r *running) awaitEqual(every, within time.Duration, done func() bool) (time.Time, error) {
	end := time.Now().Add(within)
	at, err := r.await(every, within, done)
	for err == nil {
		diffs, derr := different(r.l.root(r.l.a), r.l.root(r.l.b))
		if derr == nil && len(diffs) == 0 {
			return at, nil
		}
		if time.Now().After(end) {
			return at, fmt.Errorf("the trees differ: %v %v", diffs, derr)
		}
		pause(20)
		at, err = time.Now(), r.dead()
	}
	return at, err
}

func firstLine(words ...string) (string, error) {
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return "", err
	}
	line, _, _ := cutLine(string(out))
	return line, nil
}

// Package demo shows Duet at work on one machine: two real 'duet run'
// processes that talk over SSH on loopback.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"duet/cmd/duet/config"
	"duet/cmd/duet/node"
	"duet/replicate/link"
)

// patience is how long anything may take that ought to be a matter of
// milliseconds.
const patience = 30 * time.Second

// side is one of the two nodes.
type side struct {
	name   string
	dir    string // config, log and state
	config string
	log    string
	state  string
	roots  map[string]string // share to directory
	owner  owner

	cmd    *exec.Cmd
	exited chan struct{}
}

// pair is both.
type pair struct {
	exe  string
	a, b *side
}

func newPair(exe, dir string) *pair {
	p := &pair{exe: exe}
	for _, s := range []struct {
		at   **side
		name string
	}{{&p.a, "tgt-a"}, {&p.b, "tgt-b"}} {
		d := filepath.Join(dir, s.name)
		*s.at = &side{name: s.name, dir: d, config: filepath.Join(d, "duet.yaml"), log: filepath.Join(d, "log"),
			state: filepath.Join(d, "state"), roots: map[string]string{}}
	}
	return p
}

func (p *pair) sides() [2]*side { return [2]*side{p.a, p.b} }

// configure makes both keys and writes both configs; each side's shares have
// the settings of like.
func (p *pair) configure(names []string, like func(*side, string) config.Share) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	keys := map[*side]string{}
	for _, s := range p.sides() {
		if err := os.MkdirAll(s.state, 0o700); err != nil {
			return err
		}
		key, err := link.LoadOrCreateKey(filepath.Join(s.state, "node_key"), s.name)
		if err != nil {
			return err
		}
		keys[s] = key.Public().Line(s.name)
	}
	for _, s := range p.sides() {
		other := p.a
		c := &config.Config{Node: s.name, State: s.state}
		if s == p.a {
			other, c.Listen = p.b, addr
		} else {
			c.Peer.Address = addr
		}
		c.Peer.Name, c.Peer.Key = other.name, keys[other]
		for _, name := range names {
			share := like(s, name)
			share.Name, share.Path, share.Owner = name, s.roots[name], s.owner.String()
			c.Shares = append(c.Shares, share)
		}
		var text bytes.Buffer
		if err := config.Write(&text, c); err != nil {
			return err
		}
		if err := os.WriteFile(s.config, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// freeAddress is one on loopback that nobody listens on. Somebody could take
// it before the daemon does, which then says so.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// start starts the daemon of s and waits until it answers.
func (p *pair) start(ctx context.Context, s *side) error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.exe, "run", "--config", s.config, "--verbose")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = plainEnv()
	// Its own group: an interrupt at the terminal is for the demo alone, which
	// then stops both in order. Should the demo be killed, they end too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		cmd.Wait() //nolint:errcheck // alive and stop look at the state
		close(exited)
	}(s.exited)
	return p.await(ctx, s.name+" to start", func() (string, error) {
		if _, err := s.status(ctx); err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
}

// plainEnv is the environment without what would override the configs.
func plainEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, config.EnvPrefix+"_") && !strings.HasPrefix(e, "NOTIFY_SOCKET=") {
			env = append(env, e)
		}
	}
	return env
}

// stop ends the daemon of s as an administrator would.
func (s *side) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		cmd.Process.Kill() //nolint:errcheck // it may have ended just now
		<-s.exited
		return fmt.Errorf("%s did not stop within %v and was killed: see %s", s.name, patience, s.log)
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s ended with %v: see %s", s.name, cmd.ProcessState, s.log)
	}
	return nil
}

func (p *pair) stop() error { return errors.Join(p.a.stop(), p.b.stop()) }

// alive fails if a daemon that should run has ended.
func (p *pair) alive() error {
	for _, s := range p.sides() {
		if s.cmd == nil {
			continue
		}
		select {
		case <-s.exited:
			return fmt.Errorf("%s ended by itself, %v; its log %s ends with:\n%s", s.name, s.cmd.ProcessState, s.log, tail(s.log, 10))
		default:
		}
	}
	return nil
}

func tail(file string, n int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

func (s *side) status(ctx context.Context) (*node.Status, error) {
	client, err := node.Dial(s.state)
	if err != nil {
		return nil, err
	}
	return client.Status(ctx)
}

// await asks again and again until nothing is left to wait for, a daemon ends,
// or patience does.
func (p *pair) await(ctx context.Context, what string, left func() (string, error)) error {
	deadline := time.Now().Add(patience)
	for {
		why, err := left()
		if why == "" || err != nil {
			return err
		}
		if err := p.alive(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v for %s: %s; the logs are %s and %s", patience, what, why, p.a.log, p.b.log)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// busy says what s is still at, "" if it is in sync with the other side.
func (s *side) busy(ctx context.Context) string {
	st, err := s.status(ctx)
	if err != nil {
		return err.Error()
	}
	for _, sh := range st.Shares {
		switch {
		case len(sh.Problems) > 0:
			return fmt.Sprintf("%s: %s: %s: %s", s.name, sh.Name, sh.Problems[0].Path, sh.Problems[0].Error)
		case !sh.Connected:
			return fmt.Sprintf("%s: %s is not connected: %s", s.name, sh.Name, sh.LastError)
		case !sh.InSync():
			return fmt.Sprintf("%s: %s is %s, %d pending in, %d out, %d dirty, %d behind, %d of %d heard",
				s.name, sh.Name, sh.State, sh.PendingIn, sh.PendingOut, sh.Dirty, sh.Behind, sh.Acked, sh.Head)
		}
	}
	return ""
}

// synced waits until both trees are the same and both sides say that nothing
// is left to do. It returns how long the trees took.
func (p *pair) synced(ctx context.Context, since time.Time) (time.Duration, error) {
	var took time.Duration
	err := p.await(ctx, "both sides to be the same", func() (string, error) {
		if why, err := p.different(); why != "" || err != nil {
			return why, err
		}
		if took == 0 {
			took = time.Since(since)
		}
		for _, s := range p.sides() {
			if why := s.busy(ctx); why != "" {
				return why, nil
			}
		}
		// A change on its way when the trees were read would show now.
		return p.different()
	})
	return took, err
}

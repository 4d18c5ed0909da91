package hostile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"duet/replicate"
	"duet/replicate/wire"
	"duet/replicate/wire/wirepb"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// victimDir, in the environment, makes the test binary a victim: a process of
// its own, so that its memory can be measured.
const victimDir = "DUET_HOSTILE_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := beVictim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func beVictim(dir string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	v, err := listen(ctx, dir, os.Stderr, nil)
	if err != nil {
		return err
	}
	fmt.Println(v.addr)
	v.running.Wait()
	return errors.Join(v.bad.Close(), v.good.Close())
}

// process is a victim in a process of its own.
type process struct {
	*victim
	cmd *exec.Cmd
}

func startProcess(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"victim", "mallory"} { // before two processes make them
		_, err := nodeKey(dir, name)
		must(t, err)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "victim"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "victim", "canary"), []byte("tweet"), 0o644))
	p := &process{victim: &victim{t: t, dir: dir, log: &logbook{}}, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), victimDir+"="+dir)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	p.addr = strings.TrimSpace(line)
	return p
}

// peak is the most memory that the process has had, in MiB.
func (p *process) peak() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(p.t, err)
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	must(p.t, err)
	return kib >> 10
}

// end stops the process and checks the indexes that it leaves.
func (p *process) end() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the victim ended with %v", err)
	}
	for _, share := range []string{"bad", "good"} {
		st, err := store.Open(filepath.Join(p.dir, "victim", share, "index.db"), store.Options{ReadOnly: true, Share: share})
		must(p.t, err)
		must(p.t, st.View(func(tx *store.Tx) error {
			for err := range store.Check(tx, store.CheckOptions{}) {
				p.t.Errorf("index of %s: %v", share, err)
			}
			return nil
		}))
		must(p.t, st.Close())
	}
	if log := p.log.String(); p.t.Failed() || strings.Contains(log, "panic") {
		p.t.Errorf("the victim's log:\n%s", log[max(0, len(log)-4000):])
	}
}

// honest runs the share that both nodes mean well with, next to the attack.
func (a *attacker) honest() {
	cfg, _, _, err := configFor(a.dir, "good", "mallory", "victim", io.Discard)
	must(a.t, err)
	share, err := replicate.Open(cfg)
	must(a.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { share.Run(ctx, a.hub.Endpoint("good")) })
	a.t.Cleanup(func() { cancel(); running.Wait(); share.Close() })
}

// TestFlood tells the victim of 200,000 paths that it can do nothing with: the
// directories are missing, the contents come along but are of no use, or are
// asked for and never come. Another share goes on meanwhile.
func TestFlood(t *testing.T) {
	const paths, mostMiB = 200_000, 400
	p := startProcess(t)
	a := newAttacker(t, p.dir, p.addr)
	a.honest()
	s := a.connect()
	hash := scan.SumBytes([]byte("x"))
	began := time.Now()
	long := strings.Repeat("long", 30)
	var batch []*wirepb.Change
	for i := range paths {
		e := index.Entry{Kind: index.File, Hash: hash, Size: 1, Mode: 0o644, ModTime: int64(i + 1), Owner: fmt.Sprint(i)}
		var c *wirepb.Change
		switch i % 4 {
		case 0, 1: // no such directory
			c = s.change(fmt.Sprintf("%s/%d/x", long, i), e, []byte("x"))
		case 2:
			e.Hash[0] ^= byte(i) // the content is another
			c = s.change(fmt.Sprintf("%s-%d", long, i), e, []byte("x"))
		case 3:
			e.Hash, e.Size = scan.SumBytes([]byte(fmt.Sprint(i))), 1<<40+int64(i)
			c = s.change(fmt.Sprintf("%s=%d", long, i), e, nil)
		}
		if batch = append(batch, c); len(batch) == 1500 || i == paths-1 {
			must(t, s.tell(batch...))
			batch = nil
		}
		if i%50_000 == 0 {
			name := fmt.Sprint("honest", i)
			must(t, os.WriteFile(filepath.Join(p.dir, "mallory/good/tree", name), []byte(name), 0o644))
			until(t, "the other share to go on", func() bool {
				b, _ := os.ReadFile(filepath.Join(p.root("good"), name))
				return string(b) == name
			})
		}
	}
	s.waitAck()
	t.Logf("%d paths in %v: peak of %d MiB", paths, time.Since(began).Round(time.Millisecond), p.peak())
	began = time.Now()
	must(t, s.tell(s.file("after", "the flood")))
	until(t, "what comes after", func() bool { return p.read("after") == "the flood" })
	t.Logf("a file after them in %v: peak of %d MiB", time.Since(began).Round(time.Millisecond), p.peak())
	s.close()
	if log := len(p.log.String()); log > 1<<20 {
		t.Errorf("%d bytes of log", log)
	}
	if peak := p.peak(); peak > mostMiB {
		t.Errorf("the victim took %d MiB, more than %d", peak, mostMiB)
	}
	p.end()
}

// TestWants asks for as much at a time as can be asked for, on as many streams
// as there can be, and reads no answer.
func TestWants(t *testing.T) {
	const mostMiB = 400
	p := startProcess(t)
	a := newAttacker(t, p.dir, p.addr)
	s := a.connect()
	hash := scan.SumBytes(nil)
	path := []byte(strings.Repeat("n", 250) + strings.Repeat("/"+strings.Repeat("n", 240), 3))
	var running sync.WaitGroup
	for range 31 {
		stream, err := s.conn.Open(t.Context(), "fetch")
		must(t, err)
		running.Go(func() {
			for id := uint64(1); ; {
				m := &wirepb.Fetch{}
				for range wire.MaxWants {
					m.Wants = append(m.Wants, &wirepb.Want{Id: id, Path: path, Hash: hash[:], Size: 1})
					id++
				}
				if sendRaw(stream, wirepb.Kind_FETCH, m) != nil {
					return
				}
			}
		})
	}
	time.AfterFunc(2*time.Second, func() { s.conn.Close() })
	running.Wait()
	<-s.over
	t.Logf("peak of %d MiB", p.peak())
	if peak := p.peak(); peak > mostMiB {
		t.Errorf("the victim took %d MiB, more than %d", peak, mostMiB)
	}
	a.provesOn(p)
	p.end()
}

func (a *attacker) provesOn(p *process) {
	a.t.Helper()
	s := a.connect()
	defer s.close()
	name := fmt.Sprintf("proof-%d", rand.Uint64())
	must(a.t, s.tell(s.file(name, name)))
	until(a.t, "the victim to take a file after an attack", func() bool { return p.read(name) == name })
}

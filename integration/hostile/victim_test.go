package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"duet/cmd/duet/node"
	"duet/integration/rig"
	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// patience is how long to wait for what has to come. DUET_PATIENCE makes it
// shorter where a failure is expected.
var patience = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("DUET_PATIENCE")); err == nil {
		return d
	}
	return 60 * time.Second
}()

// mostMiB is what a victim may take, whatever is done to it.
const mostMiB = 256

// mostLog is how many bytes an attack may bring into the log.
const mostLog = 2 << 20

func TestMain(m *testing.M) { rig.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for what no event tells.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// victim is a daemon whose peer misbehaves on the share named bad.
type victim struct {
	*rig.Node
	t      testing.TB
	dir    string    // holds both nodes' folders, and canaries
	peer   *rig.Node // the attacker's key and the honest share's files
	client *node.Client
	watch  *watch
	around string // what was around the shares at the start
	honest *honest
	memory *memory
}

// setup is how a victim differs from the usual one.
type setup struct {
	lines rig.Lines         // of the share named bad, at the victim
	files func(root string) // makes more files there, before the start
	mount string            // of what size the root is a filesystem of its own: then the holding area is inside
}

// at is the place of a path of the share named bad.
func (v *victim) at(name string) string { return filepath.Join(v.Root("bad"), name) }

// newVictim starts a victim whose bad share has some files, in a place with
// canaries.
func newVictim(t testing.TB, s setup) *victim {
	t.Helper()
	o := rig.Options{Shares: []string{"bad", "good"}, Names: [2]string{"victim", "mallory"}}
	p := rig.NewPair(t, o)
	v := &victim{Node: p.A, t: t, dir: filepath.Dir(p.A.Dir), peer: p.B}
	lines := rig.Lines{}
	for key, value := range s.lines {
		lines[key] = value
	}
	o.Only = map[string][2]rig.Lines{"bad": {lines}}
	p.Configure(o)
	if s.mount != "" {
		v.mount(s.mount)
	}
	v.populate()
	if s.files != nil {
		s.files(v.Root("bad"))
	}
	v.Start()
	v.memory = follow(v.Pid())
	t.Cleanup(v.end)
	var err error
	v.client, err = node.Dial(v.State)
	must(t, err)
	until(t, "the first scan", func() bool { return v.status("bad").State == report.Disconnected })
	v.lookOut()
	v.honest = startHonest(v)
	return v
}

// mount gives the share a filesystem of its own. Like all that this process
// mounts it is in a namespace that ends with it.
func (v *victim) mount(size string) {
	v.t.Helper()
	rig.NeedMount(v.t)
	root := v.Root("bad")
	must(v.t, unix.Mount("tmpfs", root, "tmpfs", 0, "size="+size))
	v.t.Cleanup(func() { must(v.t, unix.Unmount(root, unix.MNT_DETACH)) })
}

// populate writes the files of the share, and the canaries.
func (v *victim) populate() {
	v.t.Helper()
	write := func(path, content string) {
		must(v.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(v.t, os.WriteFile(path, []byte(content), 0o644))
	}
	for _, name := range []string{"canary/a", "canary/deep/b", "victim/canary", "victim/files/bad/canary"} {
		write(filepath.Join(v.dir, name), "tweet")
	}
	for _, name := range []string{"plain", "d/one", "d/two", "d/e/three", "held.tmp", "sub/held.tmp"} {
		write(v.at(name), "the victim's own "+name)
	}
	must(v.t, os.Symlink(filepath.Join(v.dir, "canary"), v.at("out")))
	must(v.t, os.Symlink(strings.Repeat("../", 5)+"canary", v.at("d/up")))
	if _, err := os.Stat(v.at("d/up/a")); err != nil {
		v.t.Fatal(err)
	}
}

// lookOut begins to watch what is around the shares.
func (v *victim) lookOut() {
	v.t.Helper()
	v.around = v.surroundings()
	v.watch = newWatch(v.t, v.Pid())
	v.watch.add(v.dir)
	v.watch.add(v.Dir, "log")
	v.watch.add(filepath.Join(v.Dir, "files"))
	v.watch.add(filepath.Join(v.Dir, "files/bad"), "root", ".duet-bad")
	v.watch.add(filepath.Join(v.Dir, "files/good"), "root", ".duet-good")
	for _, dir := range []string{"canary", "canary/deep"} {
		v.watch.addSecret(filepath.Join(v.dir, dir))
	}
}

// untouched checks that nothing outside of the roots and holding areas was
// touched so far.
func (v *victim) untouched() {
	v.t.Helper()
	if touched := v.watch.touched(); len(touched) > 0 {
		v.t.Errorf("touched outside of the share:\n  %s", strings.Join(touched, "\n  "))
	}
	if now := v.surroundings(); now != v.around {
		v.t.Errorf("outside of the share, there was:\n%s\nand there is:\n%s", v.around, now)
	}
}

func (v *victim) status(share string) report.Status {
	v.t.Helper()
	st, err := v.client.Status(context.Background())
	must(v.t, err)
	for _, sh := range st.Shares {
		if sh.Name == share {
			return sh
		}
	}
	v.t.Fatalf("there is no share %s", share)
	return report.Status{}
}

// read returns what the victim has at a path, "" if that is no file.
func (v *victim) read(name string) string {
	b, _ := os.ReadFile(v.at(name))
	return string(b)
}

// log returns what the victim has logged, from a byte on.
func (v *victim) log(from int) string {
	v.t.Helper()
	b, err := os.ReadFile(v.Log)
	must(v.t, err)
	return string(b[min(from, len(b)):])
}

// grep returns the lines of a text that have all words in them.
func grep(text string, words ...string) (out []string) {
lines:
	for line := range strings.SplitSeq(text, "\n") {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue lines
			}
		}
		out = append(out, line)
	}
	return out
}

// own is what the victim's index says of its own state of a path; nil for nothing.
func (v *victim) own(name string) (version index.Version) {
	v.t.Helper()
	var row struct {
		Ours *struct {
			Version []struct {
				Epoch string `json:"epoch"`
				Seq   uint64 `json:"seq"`
			} `json:"version"`
		} `json:"ours"`
	}
	must(v.t, json.Unmarshal([]byte(v.Must("index", "show", "bad:"+name, "--json")), &row))
	if row.Ours == nil {
		return nil
	}
	for _, c := range row.Ours.Version {
		epoch, err := strconv.ParseUint(c.Epoch, 16, 64)
		must(v.t, err)
		version = append(version, index.Counter{Epoch: index.Epoch(epoch), Seq: index.Seq(c.Seq)})
	}
	return version
}

// end checks what must hold after everything, and ends the victim.
func (v *victim) end() {
	if v.honest != nil {
		v.honest.end()
	}
	if !v.Running() {
		v.memory.end()
		v.t.Errorf("the victim has died\n%s", v.LogTail(100))
		return
	}
	v.prints()
	v.untouched()
	v.watch.close()
	v.memory.end()
	peak := v.memory.peak()
	v.t.Logf("memory of the victim: peak of %d MiB, %d with mapped files", peak, v.memory.mapped())
	if peak > mostMiB && os.Getenv("DUET_RACE") != "1" {
		v.t.Errorf("the victim took %d MiB, more than %d", peak, mostMiB)
	}
	v.Stop()
	for _, share := range v.Shares {
		v.t.Helper()
		v.sound(share)
	}
	log := v.log(0)
	if len(log) > mostLog {
		v.t.Errorf("%d bytes of log", len(log))
	}
	for _, word := range []string{"internal error", "panic"} {
		if lines := grep(log, word); len(lines) > 0 {
			v.t.Errorf("in the log: %.4000s", lines[0])
		}
	}
	if v.t.Failed() {
		v.t.Logf("the victim's log ends with:\n%s", log[max(0, len(log)-8000):])
	}
}

// sound checks the index that the victim leaves.
func (v *victim) sound(share string) {
	v.t.Helper()
	st, err := store.Open(filepath.Join(v.State, "shares", share+".db"), store.Options{ReadOnly: true, Share: share})
	must(v.t, err)
	err = st.View(func(tx *store.Tx) error {
		for err := range store.Check(tx, store.CheckOptions{}) {
			v.t.Errorf("index of %s: %v", share, err)
		}
		return nil
	})
	must(v.t, errors.Join(err, st.Close()))
}

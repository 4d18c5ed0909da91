package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// A deploy swaps a directory for a symlink to a release, and back.
func TestDeploySwap(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	for _, release := range []string{"6", "7"} {
		mkdir(t, p.A.At("releases", release, "lib"))
		for i := range 30 {
			write(t, p.A.At("releases", release, "lib", fmt.Sprintf("part%d", i)), release)
		}
	}
	mkdir(t, p.A.At("current", "lib"))
	write(t, p.A.At("current", "lib", "part0"), "in place")
	p.Settle(patience)

	// Directory to symlink, with the directory moved aside.
	must(t, os.Rename(p.A.At("current"), p.A.At("current.old")))
	must(t, os.Symlink("releases/7", p.A.At("current")))
	p.Settle(patience)
	if got, err := os.Readlink(p.B.At("current")); got != "releases/7" {
		t.Fatalf("current on b is %q, %v", got, err)
	}
	if got := read(t, p.B.At("current", "lib", "part3")); got != "7" {
		t.Errorf("through the link: %q", got)
	}
	// Back: symlink to directory, from the other side.
	must(t, os.Remove(p.B.At("current")))
	must(t, os.Rename(p.B.At("current.old"), p.B.At("current")))
	p.Settle(patience)
	if got := read(t, p.A.At("current", "lib", "part0")); got != "in place" {
		t.Errorf("after going back: %q", got)
	}
	// Directory to symlink with the directory's contents deleted.
	must(t, os.RemoveAll(p.A.At("current")))
	must(t, os.Symlink("releases/6", p.A.At("current")))
	p.Settle(patience)
	// Release to release, as `ln -sfn` and as an atomic rename.
	for i := range 10 {
		temp := p.A.At(fmt.Sprintf("next%d", i))
		must(t, os.Symlink(fmt.Sprintf("releases/%d", 6+i%2), temp))
		must(t, os.Rename(temp, p.A.At("current")))
	}
	p.Settle(patience)
	if got, _ := os.Readlink(p.B.At("current")); got != "releases/7" {
		t.Errorf("current on b is %q", got)
	}
	// While both are stopped, and with a file changed inside what the other
	// side swaps away: the directory wins, with what was changed.
	must(t, os.Remove(p.A.At("current")))
	mkdir(t, p.A.At("current"))
	write(t, p.A.At("current", "kept"), "old")
	write(t, p.A.At("current", "gone"), "old")
	p.Settle(patience)
	before := p.A.Tree()
	p.Stop()
	must(t, os.RemoveAll(p.A.At("current")))
	must(t, os.Symlink("releases/6", p.A.At("current")))
	write(t, p.B.At("current", "kept"), "changed meanwhile")
	o := rig.Outage{Base: before, A: p.A.Tree(), B: p.B.Tree()}
	p.Start()
	p.Settle(patience)
	o.Check(t, p.A.Tree(), p.KeptContents())
	awaitSilence(t, p)
	p.CheckIndexes()
}

// Things that toggle A, B, A within milliseconds, on both sides in turn, come
// to rest as A and cause no talk afterwards.
func TestToggle(t *testing.T) {
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.Start()
	must(t, os.Symlink("one", p.A.At("link")))
	write(t, p.A.At("file"), "one")
	write(t, p.A.At("flag"), "")
	p.Settle(patience)
	for i := range rig.Size(12, 60) {
		n := p.Nodes()[i%2]
		for _, to := range []string{"two", "one"} {
			temp := filepath.Join(filepath.Dir(n.At()), "temp")
			must(t, os.Symlink(to, temp))
			must(t, os.Rename(temp, n.At("link")))
			write(t, n.At("file"), to)
			time.Sleep(time.Duration(i%4) * time.Millisecond) // within, at and after the settle time
		}
		_ = os.Remove(n.At("flag")) // it may be the peer's just now
		write(t, n.At("flag"), "")
	}
	p.Settle(patience)
	if got, _ := os.Readlink(p.B.At("link")); got != "one" {
		t.Errorf("link is %q", got)
	}
	if got := read(t, p.B.At("file")); got != "one" {
		t.Errorf("file is %q", got)
	}
	awaitSilence(t, p)
	p.CheckIndexes()
}

// awaitSilence fails t unless both journals stand still: in sync and yet
// talking would show there.
func awaitSilence(t *testing.T, p *rig.Pair) {
	t.Helper()
	position := func() string {
		var all string
		for _, n := range p.Nodes() {
			s, err := n.Status()
			must(t, err)
			all += fmt.Sprintf("%s at %d, ", n.Name, s.Share(n.Shares[0]).Head)
		}
		return all
	}
	before := position()
	if strings.Contains(before, " 0,") {
		t.Fatalf("status --json shows no journal position: %s", before)
	}
	time.Sleep(1500 * time.Millisecond) // silence has no event
	if after := position(); after != before {
		t.Errorf("the journals go on without a change: %s then %s", before, after)
	}
}

package replicate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// scansHalf fills a's tree with more files than the first batch of a scan has, and
// has a's scan wait behind that batch until release is called.
func scansHalf(t *testing.T, p *pair) (release func(), released *atomic.Bool) {
	for i := range 600 {
		if err := os.WriteFile(filepath.Join(p.a.root, fmt.Sprintf("f%03d", i)), []byte(fmt.Sprint(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wait := make(chan struct{})
	released = &atomic.Bool{}
	p.a.gate().before = func(seen []vfs.Seen) {
		for _, x := range seen {
			if x.Path == "f599" {
				<-wait
			}
		}
	}
	release = func() {
		if !released.Swap(true) {
			close(wait)
		}
	}
	t.Cleanup(release)
	return release, released
}

// A node that has never known of anything tells what its first scan finds while
// that goes on.
func TestFirstScanIsToldAsItGoes(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	release, _ := scansHalf(t, p)
	p.start()
	p.until("the first files to cross", func() bool {
		_, err := os.Stat(filepath.Join(p.b.root, "f000"))
		return err == nil
	})
	if st := p.a.share.Status().State; st != report.Scanning {
		t.Errorf("a is %s", st)
	}
	if st := p.b.share.Status(); st.HasAll() {
		t.Errorf("b takes what it has for all: %+v", st)
	}
	if _, err := os.Stat(filepath.Join(p.b.root, "f599")); err == nil {
		t.Error("the scan is over")
	}
	release()
	p.settle()
}

// What the peer has got of it is heard meanwhile: contents go along as far as the
// peer is known to have come.
func TestFirstScanHearsWhatHasArrived(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	release, _ := scansHalf(t, p)
	p.start()
	p.until("a to know that b has what was told", func() bool {
		st := p.a.share.Status()
		return st.Files > 0 && st.PendingOut == 0 && st.Heard > 0
	})
	if st := p.a.share.Status().State; st != report.Scanning {
		t.Errorf("a is %s", st)
	}
	release()
	p.settle()
}

// What the peer may have goes without its content; a save made later does not.
func TestFirstScanOfTheSameTree(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	release, _ := scansHalf(t, p)
	pp := p.puppetOf(func(m *wire.Hello) { m.Protocol = wire.Early })
	if !pp.hello.Scanning {
		t.Fatal("a's hello does not say that it scans")
	}
	first := pp.change("its first file", func(c wire.Change) bool { return c.Path == "f000" })
	release()
	last := pp.change("its last file", func(c wire.Change) bool { return c.Path == "f599" })
	if len(first.Content)+len(last.Content) > 0 {
		t.Error("contents went along that the peer may have")
	}
	p.until("a to have scanned", func() bool { return p.a.share.Status().State != report.Scanning })
	if err := os.WriteFile(filepath.Join(p.a.root, "new"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := pp.change("a save", func(c wire.Change) bool { return c.Path == "new" }); string(c.Content) != "new" {
		t.Errorf("a save went with the content %q", c.Content)
	}
}

// The end of the scan is told, even if that is all there is to tell.
func TestFirstScanEnds(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	release, _ := scansHalf(t, p)
	pp := p.puppetOf(func(m *wire.Hello) { m.Protocol = wire.Early })
	var through index.Seq
	scanning := func(want bool) func(wire.Msg) bool {
		return func(m wire.Msg) bool {
			c, ok := m.(*wire.Changes)
			if ok && c.Through < through {
				t.Errorf("through %d after %d", c.Through, through)
			}
			if ok {
				through = c.Through
			}
			return ok && c.Scanning == want
		}
	}
	pp.hears("that it scans", scanning(true))
	release()
	pp.hears("that it has scanned", scanning(false))
	if through < 600 {
		t.Errorf("said with position %d", through)
	}
}

// Whoever knew of something before says nothing before its scan is done: until
// then its index may speak of what is gone, or was something else.
func TestLaterScansAreNotTold(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	if err := os.WriteFile(filepath.Join(p.a.root, "old"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settle()
	p.a.stop()
	release, released := scansHalf(t, p)
	go func() {
		time.Sleep(100 * time.Millisecond)
		release()
	}()
	pp := p.puppetOf(func(m *wire.Hello) { m.Protocol = wire.Early })
	if !released.Load() || pp.hello.Scanning {
		t.Error("a said hello before its scan was done")
	}
}

// While its first scan goes on a node hears nothing of what the peer has of its own:
// it does not know yet what that is to be compared with.
func TestFirstScanHearsNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	release, released := scansHalf(t, p)
	pp := p.puppetOf(func(m *wire.Hello) { m.Protocol = wire.Early })
	pp.change("its first file", func(c wire.Change) bool { return c.Path == "f000" })
	pp.say(changes(fileAt(1000, "theirs", "theirs")))
	go func() {
		time.Sleep(100 * time.Millisecond)
		release()
	}()
	p.until("a to hear the peer", func() bool {
		before := released.Load()
		r, err := p.a.peek("theirs")
		if err != nil {
			t.Fatal(err)
		}
		if r != nil && !before && !released.Load() {
			t.Fatal("a heard the peer before it had scanned")
		}
		return r != nil
	})
}

// Nothing is removed or moved because of a peer that has not told all that it has.
func TestNothingGoesWhileThePeerScans(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	pp.say(&wire.Changes{Changes: []wire.Change{fileAt(10, "old", "old")}, Through: 10, Head: 10, Run: 1})
	at := func(name string) bool {
		_, err := os.Stat(filepath.Join(p.a.root, name))
		return err == nil
	}
	p.until("the first file", func() bool { return at("old") })
	pp.conn.Close()

	pp = p.puppetAgain(func(m *wire.Hello) { m.Protocol, m.Scanning, m.Head = wire.Early, true, 12 })
	gone := wire.Change{Pos: 11, Path: "old", Entry: &index.Entry{
		Kind: index.Gone, Version: index.Version{{Epoch: puppetEpoch, Seq: 11}}, Origin: nodeID(2),
	}}
	pp.say(&wire.Changes{Changes: []wire.Change{gone, fileAt(12, "new", "new")}, Through: 12, Head: 12, Run: 1, Scanning: true})
	p.until("what is new", func() bool { return at("new") })
	time.Sleep(300 * time.Millisecond)
	if !at("old") {
		t.Fatal("a file is gone while the peer still scans")
	}
	pp.say(&wire.Changes{Through: 12, Head: 12, Run: 1})
	p.until("the removal", func() bool { return !at("old") })
}

// The first scan of all goes on whatever the peer says to what it is told, and when:
// while it goes on a node takes in only so much of what the peer says, and an answer
// may come behind that.
func TestFirstScanWaitsForNoAnswer(t *testing.T) {
	t.Parallel()
	const n = 9000 // some more than an Emit has at most, and than a message
	p := newPair(t, nil)
	for i := range n {
		if err := os.WriteFile(filepath.Join(p.a.root, fmt.Sprintf("f%04d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pp := p.puppetOf(func(m *wire.Hello) { m.Protocol = wire.Early; m.Head = 1 })
	go func() {
		for i := range index.Seq(50) { // more than it takes in while it scans
			if wire.WriteMsg(pp.stream, changes(fileAt(i+1, index.Path(fmt.Sprint("b", i)), "b"))) != nil {
				return
			}
		}
	}()
	pp.change("the last file that its scan finds", func(c wire.Change) bool { return c.Path == index.Path(fmt.Sprintf("f%04d", n-1)) })
	p.until("the end of its scan", func() bool { return p.a.share.Status().State != report.Scanning })
}

package hostile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
	"duet/replicate/wire/wirepb"
	"duet/scan"
	"duet/store/index"
)

// TestFlood tells the victim of tens of thousands of paths, in full size a
// quarter of a million, in no order, that it can do nothing with: the directories are
// missing, the contents come along but are of no use, or are asked for and
// never come.
func TestFlood(t *testing.T) {
	t.Parallel()
	paths := rig.Size(50_000, 250_000)
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	hash := scan.SumBytes([]byte("x"))
	began := time.Now()
	order := rand.New(rand.NewPCG(1, 2)).Perm(paths)
	long := strings.Repeat("long", 10)
	flood(t, s, paths, func(i int) *wirepb.Change {
		i = order[i]
		e := index.Entry{Kind: index.File, Hash: hash, Size: 1, Mode: 0o644, ModTime: int64(i + 1), Owner: fmt.Sprint(i)}
		switch i % 4 {
		case 0, 1: // no such directory
			return s.change(fmt.Sprintf("%s/%d/x", long, i), e, []byte("x"))
		case 2:
			e.Hash[0] ^= byte(i) // the content is another
			return s.change(fmt.Sprintf("%s-%d", long, i), e, []byte("x"))
		}
		e.Hash, e.Size = scan.SumBytes([]byte(fmt.Sprint(i))), 1<<40+int64(i)
		return s.change(fmt.Sprintf("%s=%d", long, i), e, nil)
	})
	t.Logf("%d paths in %v: peak of %d MiB", paths, time.Since(began).Round(time.Millisecond), v.memory.peak())
	began = time.Now()
	must(t, s.tell(s.file("after", "the flood")))
	until(t, "what comes after", func() bool { return v.read("after") == "the flood" })
	t.Logf("a file after them in %v: peak of %d MiB", time.Since(began).Round(time.Millisecond), v.memory.peak())
	s.close()
}

// TestTinyChanges changes a few paths again and again, each time a little: a
// hundred thousand times, in full size one and a half million.
func TestTinyChanges(t *testing.T) {
	t.Parallel()
	changes := rig.Size(100_000, 1_500_000)
	v := newVictim(t, setup{lines: rig.Lines{"keep": "{age: off, versions: 3, size: off}", "journal": "{age: off, size: 16MiB}", "min_free": "off"}})
	a := newAttacker(v)
	s := a.connect()
	began := time.Now()
	content := []byte("0123456789")
	flood(t, s, changes, func(i int) *wirepb.Change {
		path := fmt.Sprintf("tiny%02d", i%50)
		switch i % 3 {
		case 0:
			return s.change(path, index.Entry{Kind: index.Gone}, nil)
		case 1:
			return s.link(path, fmt.Sprint(i))
		}
		return s.file(path, string(content[:i%10]))
	})
	t.Logf("%d changes in %v: peak of %d MiB", changes, time.Since(began).Round(time.Millisecond), v.memory.peak())
	s.close()
	a.proves()
}

// TestTombstones tells of deletes of paths that never were, and acknowledges what the
// victim says of them as late as it can: only when it says no more before that.
func TestTombstones(t *testing.T) {
	t.Parallel()
	paths := rig.Size(50_000, 300_000)
	v := newVictim(t, setup{})
	a := newAttacker(v)
	s := a.connect()
	order := rand.New(rand.NewPCG(3, 4)).Perm(paths)
	flood(t, s, paths, func(i int) *wirepb.Change {
		return s.change(fmt.Sprintf("%d/%d", order[i]%1000, order[i]), index.Entry{Kind: index.Gone}, nil)
	})
	before := v.memory.peak()
	ack := func() { must(t, sendRaw(s.ctl, wirepb.Kind_ACK, &wirepb.Ack{Heard: uint64(a.told())})) }
	told := a.told()
	until(t, "the victim to tell that it has them", func() bool {
		last := told
		if told = a.told(); told == last {
			ack()
		}
		return uint64(told) >= v.status("bad").Head
	})
	ack()
	until(t, "the tombstones to be dropped", func() bool {
		return strings.Contains(v.Must("index", "stats", "--share", "bad", "--json"), `"tombstones":0,`)
	})
	t.Logf("peak of %d MiB, %d before the acknowledgement", v.memory.peak(), before)
	s.close()
	a.proves()
}

// flood tells n changes and waits until they were heard.
func flood(t *testing.T, s *session, n int, change func(i int) *wirepb.Change) {
	t.Helper()
	var batch []*wirepb.Change
	for i := range n {
		if batch = append(batch, change(i)); len(batch) == 1500 || i == n-1 {
			must(t, s.tell(batch...))
			batch = nil
		}
	}
	for heard := uint64(0); !s.heardOut(); {
		is := s.a.v.status("bad").Heard
		if is == heard || s.isOver() {
			t.Fatalf("the victim hears no more at %d of %d", is, s.pos)
		}
		heard = is
		for end := time.Now().Add(patience); time.Now().Before(end) && !s.heardOut() && s.a.v.status("bad").Heard == heard; {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

package hostile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// TestRandom sends what comes to mind, from a seed that DUET_SEED can give
// again: paths, kinds and numbers that are each a little wrong or not at all.
func TestRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DUET_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("DUET_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	v := newVictim(t, nil)
	a := newAttacker(t, v.dir, v.addr)
	before := surroundings(t, v.dir)
	for range 40 {
		s := a.connect()
		for range 1 + r.IntN(5) {
			var cs []*wirepb.Change
			for range 1 + r.IntN(8) {
				cs = append(cs, randomChange(r, v, s))
			}
			if s.tell(cs...) != nil {
				break
			}
		}
		until(t, "the victim to hear or to hang up", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.acked >= s.pos || s.isOver()
		})
		s.close()
	}
	a.proves(v)
	if after := surroundings(t, v.dir); after != before {
		t.Errorf("outside of the share, there was:\n%s\nand there is:\n%s", before, after)
	}
	if lines := v.log.grep("panic"); lines != "" {
		t.Error(lines)
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomChange(r *rand.Rand, v *victim, s *session) *wirepb.Change {
	names := []string{"plain", "d", "one", "e", "out", "up", "a", "b", "x", "after", ".duet-bad", "kept", "deep"}
	if r.IntN(20) == 0 {
		names = append(names, "..", "", ".", "a\x00", strings.Repeat("z", 256))
	}
	var parts []string
	for range 1 + r.IntN(3) {
		parts = append(parts, pick(r, names...))
	}
	path := strings.Join(parts, "/")
	content := fmt.Sprint("random ", r.IntN(5))
	e, sent := fileOf(content), []byte(content)
	switch r.IntN(6) {
	case 0:
		e, sent = index.Entry{Kind: index.Dir, Mode: uint32(r.IntN(0o10000))}, nil
	case 1:
		e, sent = index.Entry{Kind: index.Symlink, ModTime: int64(r.Uint64()), Target: pick(r, "../../../canary", "/", "plain", "..", strings.Repeat("l", 4096))}, nil
	case 2:
		e, sent = index.Entry{Kind: index.Gone, Apart: r.IntN(2) == 0}, nil
	case 3:
		e.ModTime, e.Mode = pick(r, 0, 1, math.MaxInt64, math.MinInt64, int64(r.Uint64())), uint32(r.IntN(0o10000))
	case 4:
		e.Hash[r.IntN(32)] ^= byte(r.IntN(2))
	}
	if _, err := index.ParsePath(path); err == nil && r.IntN(2) == 0 {
		e = knowing(v, path, e)
	}
	if r.IntN(4) == 0 {
		e.Over = index.Version{{Epoch: index.Epoch(r.Uint64()), Seq: index.Seq(r.Uint64() | 1)}}
	}
	for range r.IntN(3) {
		e.Version = e.Version.With(index.Epoch(r.Uint64()|1), index.Seq(r.Uint64()|1))
	}
	c := s.change(path, e, sent)
	switch r.IntN(40) {
	case 0:
		c.Pos = r.Uint64()
	case 1:
		c.Agreed = r.Uint64N(uint64(s.theirs.Head) + 2)
	case 2:
		*c = wirepb.Change{Pos: c.Pos, Agreed: 1 + r.Uint64N(uint64(s.theirs.Head)+2)}
	}
	return c
}

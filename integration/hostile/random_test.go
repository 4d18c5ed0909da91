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

	"duet/integration/rig"
	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// TestRandom does what comes to mind, from a seed that DUET_SEED can give
// again: every single attack of the other tests, in no order and several in one
// session, between changes that are each a little wrong or not at all.
func TestRandom(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DUET_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("DUET_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	v := newVictim(t, setup{})
	a := newAttacker(v)
	all := everyAttack(t)
	for range rig.Size(40, 100) {
		s := a.connect()
		s.random = true
		var done []string
		for range 1 + r.IntN(6) {
			if r.IntN(3) == 0 {
				at := pick(r, all...)
				done = append(done, at.name)
				s.serving(at.serve)
				at.do(s)
			} else {
				var cs []*wirepb.Change
				for range 1 + r.IntN(8) {
					cs = append(cs, randomChange(r, s))
				}
				s.tell(cs...)
			}
			if s.isOver() {
				break
			}
		}
		until(t, fmt.Sprintf("the victim to hear or to hang up after %q", done), func() bool { return s.heardOut() || s.isOver() })
		s.close()
		v.untouched()
	}
	a.proves()
}

// everyAttack is all that the other tests do one by one.
func everyAttack(t testing.TB) (all []attack) {
	all = append(all, impossible()...)
	all = append(all, lyingContents(t)...)
	all = append(all, lyingWants()...)
	for _, in := range append(append(intrusions(), intoHolding()...), metadata()...) {
		all = append(all, in.attack())
	}
	return all
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomChange(r *rand.Rand, s *session) *wirepb.Change {
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
	if r.IntN(2) == 0 {
		e = s.a.knowing(path, e)
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

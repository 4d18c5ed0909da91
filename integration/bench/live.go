package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The works on many small files, and what each finds and leaves in the trees.
// Where one finds what the one before left, it goes on from there; else the
// pair is made anew, so that each can be measured without the others, and none
// suffers from one that failed.
func (s *session) liveWorks() []liveWork {
	return []liveWork{
		{"first", nothing, base, s.first},
		{"save", base, base, s.save},
		{"burst", base, withBurst, s.burst},
		{"rename", withBurst, withMoved, s.rename},
		{"idle", withMoved, withMoved, s.idle},
		{"restart", withMoved, withMoved, s.restart},
		{"outage", withMoved, changedAll, s.outage},
		{"delete", withMoved, base, s.remove},
		{"first-save", nothing, spent, s.firstSave},
	}
}

type liveWork struct {
	name        string
	needs, ends holding
	run         func() error
}

// holding is what the trees of a pair hold.
type holding int

const (
	nothing    holding = iota // the pair has to be made
	base                      // the files of the first sync
	withBurst                 // and 5,000 more
	withMoved                 // these, renamed
	changedAll                // with changes on both sides
	spent                     // nothing that another work can begin with
)

func (s *session) live() error {
	has := nothing
	for _, w := range s.liveWorks() {
		if !s.wanted[w.name] {
			continue
		}
		if w.needs != nothing && !serves(has, w.needs) {
			if err := s.prepare(w.needs); err != nil {
				s.tell(w.name, used{}, nil, fmt.Errorf("%s: make the trees: %w", w.name, err))
				has = nothing
				continue
			}
		}
		if w.needs == nothing {
			if err := s.stop(); err != nil {
				return err
			}
		}
		if has = w.ends; w.run() != nil {
			has = nothing // it is told
			continue
		}
		if s.unequal {
			has, s.unequal = nothing, false
		}
		if err := s.quiet(); err != nil {
			return err
		}
	}
	return nil
}

// quiet lets the tool finish what nobody waits for: until, for two seconds,
// hardly anything is said on the wire.
func (s *session) quiet() error {
	const hardly = 20_000 // bytes; unison looks every second, and says 2 kB
	var last int64
	for range 30 {
		_, wire, err := (&meter{l: s.l}).counters()
		if err != nil || wire-last < hardly {
			return err
		}
		last = wire
		pause(2000)
	}
	return nil
}

// serves reports whether a work can begin with what the trees have.
func serves(has, needs holding) bool {
	return has == needs || has == changedAll && needs == withMoved
}

// prepare makes a pair that holds what a work needs, and is in sync. Duet gets
// its trees as the works before would leave them, on one side first; tools that
// need minutes for that find both sides filled, and have only to agree.
func (s *session) prepare(needs holding) error {
	if err := s.stop(); err != nil {
		return err
	}
	parts := []bulk{s.tree()}
	switch needs {
	case withBurst:
		parts = append(parts, s.extra())
	case withMoved:
		parts = append(parts, s.moved())
	}
	plant := func(root string) error {
		for _, part := range parts {
			if err := part.plant(root); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.begin(plant); err != nil {
		return err
	}
	if s.t.name() != "duet" {
		if err := s.copyAcross(); err != nil {
			return err
		}
	}
	if err := s.start(); err != nil {
		return err
	}
	for _, part := range parts {
		c := census{b: part, root: s.root[1]}
		if _, err := s.await(20*time.Millisecond, patience, c.complete); err != nil {
			return err
		}
	}
	return s.greet()
}

// copyAcross makes b's tree what a's is, times too.
func (s *session) copyAcross() error {
	if err := run("cp", "-a", s.root[0]+"/.", s.root[1]+"/"); err != nil {
		return err
	}
	settleDisk()
	return nil
}

// greet waits until a file has crossed in each direction.
func (s *session) greet() error {
	for side := range 2 {
		name := fmt.Sprintf("hello%d", side)
		data := content(name, 0)
		if err := os.WriteFile(filepath.Join(s.root[side], name), data, 0o644); err != nil {
			return err
		}
		if _, err := s.await(20*time.Millisecond, patience, func() bool { return holds(filepath.Join(s.root[1-side], name), data) }); err != nil {
			return fmt.Errorf("wait for %s: %w", name, err)
		}
	}
	return s.quiet()
}

func (s *session) tree() bulk  { return bulk{files: s.size.files, small: s.small} }
func (s *session) extra() bulk { return bulk{under: "burst", files: s.size.burst} }
func (s *session) moved() bulk { return bulk{under: "moved", files: s.size.burst} }

func (s *session) first() error {
	if err := s.begin(s.tree().plant); err != nil {
		return err
	}
	return s.measure("first", func(func()) (time.Time, map[string]float64, error) {
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		c := census{b: s.tree(), root: s.root[1]}
		at, err := s.awaitEqual(10*time.Millisecond, patience, c.complete)
		return at, nil, err
	})
}

// firstSave saves files on a while the first sync goes on, one every so often,
// and times each until it is on b. Those that a tool has not brought over when
// the first sync is complete are waited for.
func (s *session) firstSave() error {
	if err := s.begin(s.tree().plant); err != nil {
		return err
	}
	return s.measure("first-save", func(func()) (time.Time, map[string]float64, error) {
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		began := time.Now()
		c := census{b: s.tree(), root: s.root[1]}
		var saved []saving
		next := began.Add(200 * time.Millisecond)
		at, err := s.await(2*time.Millisecond, patience, func() bool {
			for i := range saved {
				saved[i].look(s.root[1])
			}
			full := c.complete()
			if now := time.Now(); !full && now.After(next) {
				saved = append(saved, saveNow(s.root[0], len(saved)))
				next = now.Add(500 * time.Millisecond)
			}
			return full && !slices.ContainsFunc(saved, func(v saving) bool { return v.took == 0 })
		})
		if err == nil && len(saved) == 0 {
			err = fmt.Errorf("the first sync took %v: too short to save anything meanwhile", at.Sub(began))
		}
		if err != nil {
			return at, nil, err
		}
		slices.SortFunc(saved, func(a, b saving) int { return int(a.took - b.took) })
		n := len(saved)
		return began.Add(saved[n/2].took), map[string]float64{
			"worst": saved[n-1].took.Seconds(), "n": float64(n), "whole": at.Sub(began).Seconds()}, nil
	})
}

// saving is one file saved, and how long it took to cross; 0: it has not yet.
type saving struct {
	name  string
	data  []byte
	began time.Time
	took  time.Duration
}

func saveNow(root string, i int) saving {
	v := saving{name: fmt.Sprintf("saved%03d", i), data: content("saved", i), began: time.Now()}
	if os.WriteFile(filepath.Join(root, v.name), v.data, 0o644) != nil {
		v.data = nil // it never arrives, and the work fails for that
	}
	return v
}

func (v *saving) look(root string) {
	if v.took == 0 && holds(filepath.Join(root, v.name), v.data) {
		v.took = time.Since(v.began)
	}
}

// save writes small files over existing ones, on both sides in turn, one after
// the other has arrived. The times of all go into one result.
func (s *session) save() error {
	return s.measure("save", func(func()) (time.Time, map[string]float64, error) {
		began := time.Now()
		took, err := s.saves(s.size.saves)
		if err != nil {
			return time.Now(), nil, err
		}
		p50, p95 := took[len(took)/2], took[min(len(took)*95/100, len(took)-1)]
		return began.Add(time.Duration(p50 * 1e9)), map[string]float64{"p95": p95, "n": float64(len(took))}, nil
	})
}

// saves times n of them, in a minute at most, and returns the seconds in order.
func (s *session) saves(n int) (took []float64, err error) {
	limit := time.Now().Add(time.Minute)
	for i := range n {
		if i >= 10 && time.Now().After(limit) {
			break
		}
		name := s.tree().name(rand.IntN(s.size.files))
		data := content(name, i+1)
		from, to := filepath.Join(s.root[i%2], name), filepath.Join(s.root[1-i%2], name)
		start := time.Now()
		if err := os.WriteFile(from, data, 0o644); err != nil {
			return nil, err
		}
		at, err := s.await(time.Millisecond, 30*time.Second, func() bool { return holds(to, data) })
		if err != nil {
			return nil, err
		}
		took = append(took, at.Sub(start).Seconds())
		pause(50 + rand.IntN(250))
	}
	slices.Sort(took)
	return took, nil
}

func (s *session) burst() error {
	return s.measure("burst", func(begin func()) (time.Time, map[string]float64, error) {
		began := time.Now()
		begin()
		if err := s.extra().plant(s.root[0]); err != nil {
			return began, nil, err
		}
		writing := time.Since(began).Seconds()
		c := census{b: s.extra(), root: s.root[1]}
		at, err := s.awaitEqual(5*time.Millisecond, patience, c.complete)
		return at, map[string]float64{"writing": writing}, err
	})
}

func (s *session) rename() error {
	settleDisk()
	return s.measure("rename", func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := os.Rename(filepath.Join(s.root[0], "burst"), filepath.Join(s.root[0], "moved")); err != nil {
			return time.Now(), nil, err
		}
		c := census{b: s.moved(), root: s.root[1]}
		at, err := s.awaitEqual(5*time.Millisecond, patience, func() bool {
			return c.complete() && missing(filepath.Join(s.root[1], "burst"))
		})
		return at, nil, err
	})
}

func (s *session) idle() error {
	pause(3000)
	return s.measure("idle", func(begin func()) (time.Time, map[string]float64, error) {
		began := time.Now()
		begin()
		time.Sleep(s.size.idle)
		return began.Add(s.size.idle), nil, s.dead()
	})
}

func (s *session) restart() error {
	if err := s.stop(); err != nil {
		return err
	}
	settleDisk()
	return s.measure("restart", func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		data := content("fresh", 1)
		if err := os.WriteFile(filepath.Join(s.root[0], "fresh"), data, 0o644); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.await(time.Millisecond, patience, func() bool { return holds(filepath.Join(s.root[1], "fresh"), data) })
		return at, nil, err
	})
}

func (s *session) remove() error {
	return s.measure("delete", func(begin func()) (time.Time, map[string]float64, error) {
		under := s.moved().under
		begin()
		if err := os.RemoveAll(filepath.Join(s.root[0], under)); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitEqual(5*time.Millisecond, patience, func() bool { return missing(filepath.Join(s.root[1], under)) })
		return at, nil, err
	})
}

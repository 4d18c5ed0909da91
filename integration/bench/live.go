package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The works on many small files, in the order in which they build on each other.
var liveWorks = []string{"first", "save", "burst", "rename", "idle", "restart", "outage", "delete"}

func (s *session) live() error {
	last := -1
	for i, name := range liveWorks {
		if s.wanted[name] {
			last = i
		}
	}
	steps := []func() error{s.first, s.save, s.burst, s.rename, s.idle, s.restart, s.outage, s.remove}
	for i, step := range steps[:last+1] {
		if !s.wanted[liveWorks[i]] && (liveWorks[i] == "save" || liveWorks[i] == "idle" || liveWorks[i] == "restart") {
			continue // nothing later needs it
		}
		if liveWorks[i] == "outage" && !s.wanted["outage"] {
			continue
		}
		if err := step(); err != nil {
			return err
		}
		pause(1500) // let the tool finish what nobody waits for
	}
	return nil
}

func (s *session) tree() bulk { return bulk{files: s.size.files} }

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

// save writes small files over existing ones, on both sides in turn, one after
// the other has arrived. The times of all go into one result.
func (s *session) save() error {
	return s.measure("save", func(func()) (time.Time, map[string]float64, error) {
		var took []float64
		limit := time.Now().Add(time.Minute)
		began := time.Now()
		for i := range s.size.saves {
			if i >= 10 && time.Now().After(limit) {
				break
			}
			name := s.tree().name(rand.IntN(s.size.files))
			data := content(name, i+1)
			from, to := filepath.Join(s.root[i%2], name), filepath.Join(s.root[1-i%2], name)
			start := time.Now()
			if err := os.WriteFile(from, data, 0o644); err != nil {
				return start, nil, err
			}
			at, err := s.await(time.Millisecond, 30*time.Second, func() bool { return holds(to, data) })
			if err != nil {
				return at, nil, err
			}
			took = append(took, at.Sub(start).Seconds())
			pause(50 + rand.IntN(250))
		}
		slices.Sort(took)
		p50, p95 := took[len(took)/2], took[min(len(took)*95/100, len(took)-1)]
		return began.Add(time.Duration(p50 * 1e9)), map[string]float64{"p95": p95, "n": float64(len(took))}, nil
	})
}

func (s *session) extra() bulk { return bulk{under: "burst", files: s.size.burst} }

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

func (s *session) moved() bulk { return bulk{under: "moved", files: s.size.burst} }

func (s *session) idle() error {
	pause(3000)
	return s.measure("idle", func(begin func()) (time.Time, map[string]float64, error) {
		began := time.Now()
		begin()
		time.Sleep(s.size.idle)
		return began.Add(s.size.idle), nil, nil
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

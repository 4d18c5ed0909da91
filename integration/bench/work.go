package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// patience is how long a tool may take for any of the works.
const patience = 4 * time.Minute

// work is something that users wait for.
type work struct {
	name  string
	title string
	goal  float64 // seconds that Duet must reach; 0: see docs/benchmarks.md
	long  bool    // measured with a round trip of 40 ms as well
}

var works = []work{
	{name: "first", title: "first sync, 20,000 files of 1 to 3 KB", long: true},
	{name: "save", title: "one small save, until it is on the peer", goal: 0.015},
	{name: "burst", title: "burst of 5,000 new files", goal: 1, long: true},
	{name: "rename", title: "rename a directory of 5,000 files", goal: 0.5},
	{name: "idle", title: "idle, 25,000 files, per second"},
	{name: "restart", title: "both down, nothing changed, start until a new file has crossed", goal: 0.2},
	{name: "outage", title: "both down, 1,200 changes on both sides of 25,000 files, start until equal", goal: 0.6},
	{name: "delete", title: "delete a directory of 5,000 files", goal: 0.5},
	{name: "big", title: "one file of 1 GiB", long: true},
	{name: "edit", title: "1 MiB changed inside that file", goal: 2},
	{name: "insert", title: "1,000 bytes inserted at its front", goal: 2.5},
}

func workNamed(name string) (work, bool) {
	for _, w := range works {
		if w.name == name {
			return w, true
		}
	}
	return work{}, false
}

// session runs works one after the other on the same pair of trees, since the
// later ones need what the earlier ones did.
type session struct {
	*running
	root   [2]string
	wanted map[string]bool
	size   sizes

	profiles string // directory for them; "": none
	tell     func(name string, u used, extra map[string]float64, err error)
}

// sizes are what a smaller machine, or a quick look, may want less of.
type sizes struct {
	files, burst, changes, saves int
	big                          int64
	idle                         time.Duration
}

var fullSize = sizes{files: 20000, burst: 5000, changes: 1200, saves: 60, big: 1 << 30, idle: 10 * time.Second}

// measure runs f, which returns when what it did was done, counted from the
// time that it calls begin.
func (s *session) measure(name string, f func(begin func()) (done time.Time, extra map[string]float64, err error)) error {
	m, err := newMeter(s.l)
	if err != nil {
		return err
	}
	began := m.began
	wait := s.profile(name)
	defer wait()
	done, extra, err := f(func() { began = time.Now() })
	u, merr := m.read(done.Sub(began).Seconds())
	if merr != nil {
		return merr
	}
	if err != nil {
		u.Seconds = math.Max(u.Seconds, 0)
		err = fmt.Errorf("%s: %w", name, err)
	}
	if work, _, _ := strings.Cut(name, ":"); s.wanted[work] {
		s.tell(name, u, extra, err)
	}
	return err
}

func (s *session) wants(names ...string) bool {
	for _, n := range names {
		if s.wanted[n] {
			return true
		}
	}
	return false
}

// begin gives the tool empty trees and lets plant fill a's.
func (s *session) begin(plant func(root string) error) error {
	if err := s.l.clear(); err != nil {
		return err
	}
	s.root = [2]string{s.l.root(s.l.a), s.l.root(s.l.b)}
	if err := plant(s.root[0]); err != nil {
		return err
	}
	settleDisk()
	return s.t.configure(s.l)
}

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// patience is how long a tool may take for any of the works.
var patience = 4 * time.Minute

// work is something that users wait for.
type work struct {
	name  string
	title string // %s is the number of files
	long  bool   // measured with a round trip of 40 ms as well
	asked bool   // only measured if it is asked for
}

var works = []work{
	{name: "first", title: "first sync, %s files of 1 to 3 KB", long: true},
	{name: "save", title: "one small save, until it is on the peer"},
	{name: "burst", title: "burst of 5,000 new files", long: true},
	{name: "rename", title: "rename a directory of 5,000 files"},
	{name: "idle", title: "idle, 25,000 files, per second"},
	{name: "restart", title: "both down, nothing changed, start until a new file has crossed"},
	{name: "outage", title: "both down, 1,200 changes on both sides of 25,000 files, start until equal"},
	{name: "delete", title: "delete a directory of 5,000 files"},
	{name: "first-save", title: "a save made during the first sync of %s files, until it is on the peer"},
	{name: "big", title: "one file of 1 GiB", long: true},
	{name: "edit", title: "1 MiB changed inside that file"},
	{name: "insert", title: "1,000 bytes inserted at its front"},
	{name: "scale", title: "growth", asked: true},
}

// titled is the title of a work in a setting.
func (w work) titled(k key) string {
	if !strings.Contains(w.title, "%s") {
		return w.title
	}
	files := k.files
	if files == 0 {
		files = fullSize.files
	}
	return fmt.Sprintf(w.title, thousands(files))
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
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

	patched bool // the large file was edited
	small   bool // files of a few hundred bytes
	unequal bool // the last work ended with trees that differ

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

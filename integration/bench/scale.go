package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"duet/replicate/report"
)

// The scale works are Duet's alone, on small files in directories of a hundred:
// what each costs is drawn against how many there are. They follow one another
// on one pair; the first that fails ends them, unless the next can do without it.
const (
	firstScan  = "scale:first scan"
	firstSync  = "scale:first sync"
	oneChange  = "scale:a change in a running pair"
	indexDiff  = "scale:index diff"
	scanAgain  = "scale:restart, the scan alone"
	upAgain    = "scale:restart, nothing changed"
	apart      = "scale:outage, 1 % changed"
	cutOne     = "scale:reconnect, one change"
	cutPercent = "scale:reconnect, 1 % changed"
)

// wholeUpTo is up to how many files all contents are compared at the end;
// beyond, Duet's own comparison, and the census of names, have to do.
const wholeUpTo = 200_000

func (s *session) grow() error {
	if !s.wanted["scale"] {
		return nil
	}
	s.small = true
	for _, step := range []struct {
		name string
		run  func() error
		last bool // if it fails, what follows has nothing to begin with
	}{
		{firstScan, s.scaleScan, true},
		{firstSync, s.scaleSync, true},
		{oneChange, s.scaleSave, false},
		{indexDiff, s.scaleDiff, false},
		{scanAgain, s.scaleScanAgain, true},
		{upAgain, s.scaleUpAgain, true},
		{apart, s.scaleApart, true},
		{cutOne, s.scaleCuts, true},
	} {
		fmt.Printf("%s of %d files, at most %v\n", step.name, s.size.files, enduring(s.size.files).Round(time.Second))
		if err := step.run(); err != nil && step.last {
			return err // what was measured until here is written down
		}
		pause(1000)
	}
	if s.size.files > wholeUpTo {
		return nil
	}
	return s.sameAll()
}

func (s *session) sameAll() error {
	diffs, err := different(s.root[0], s.root[1])
	if err == nil && len(diffs) > 0 {
		err = fmt.Errorf("the trees differ: %v", diffs)
	}
	return err
}

// scaleScan starts a alone, and waits until it has all its files in its index.
func (s *session) scaleScan() error {
	if err := s.begin(s.tree().plant); err != nil {
		return err
	}
	return s.measure(firstScan, func(func()) (time.Time, map[string]float64, error) {
		if err := s.startOn(0); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitStatus(0, func(st report.Status) bool { return st.Files >= int64(s.size.files) && scanned(st) })
		return at, nil, err
	})
}

// scanned reports whether a share has looked at its tree and waits for its peer.
func scanned(st report.Status) bool {
	return st.State == report.Disconnected || st.State == report.Connecting
}

// scaleSync starts b, which has nothing, and waits until it has everything; the
// measurement of memory goes on until both say that they are in sync.
func (s *session) scaleSync() error {
	return s.measure(firstSync, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.startOn(1); err != nil {
			return time.Now(), nil, err
		}
		c := census{b: s.tree(), root: s.root[1]}
		at, err := s.persevere(50*time.Millisecond, func() string { return fmt.Sprintf("%d files are there", c.next*perDir) }, c.complete)
		if err == nil {
			_, err = s.awaitSync()
		}
		extra, xerr := s.indexBytes()
		if err == nil {
			err = xerr
		}
		return at, extra, err
	})
}

// awaitSync waits until both sides take themselves to be in sync.
func (s *session) awaitSync() (at time.Time, err error) {
	for side := range 2 {
		if at, err = s.awaitStatus(side, report.Status.InSync); err != nil {
			return at, err
		}
	}
	return at, nil
}

// indexBytes is how much of the index files is in use for each path, on the
// host where that is more.
func (s *session) indexBytes() (map[string]float64, error) {
	var most float64
	for _, h := range s.l.hosts() {
		out, err := h.run(context.Background(), s.l.duet, "--config", filepath.Join(h.dir, "duet.yaml"), "index", "stats", "--json")
		if err != nil {
			return nil, err
		}
		var all []struct {
			Records   float64 `json:"records"`
			FileBytes float64 `json:"file_bytes"`
			FreeBytes float64 `json:"free_bytes"`
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
			return nil, fmt.Errorf("read what index stats says: %w: %s", err, out)
		}
		fmt.Printf("index of %s: %.0f bytes a path, %.0f with what is free\n", h.name, (all[0].FileBytes-all[0].FreeBytes)/all[0].Records, all[0].FileBytes/all[0].Records)
		most = max(most, all[0].FileBytes/all[0].Records)
	}
	return map[string]float64{"index": most}, nil
}

func (s *session) scaleSave() error {
	return s.measure(oneChange, func(func()) (time.Time, map[string]float64, error) {
		began := time.Now()
		took, err := s.saves(20)
		if err != nil {
			return time.Now(), nil, err
		}
		return began.Add(time.Duration(took[len(took)/2] * 1e9)), map[string]float64{"p95": took[len(took)*95/100], "n": float64(len(took))}, nil
	})
}

func (s *session) scaleDiff() error {
	return s.measure(indexDiff, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		_, err := s.l.a.run(context.Background(), s.l.duet, "--config", filepath.Join(s.l.a.dir, "duet.yaml"), "index", "diff")
		return time.Now(), nil, err
	})
}

// scaleScanAgain starts a alone on a tree that it knows, and that the kernel has
// in memory, beside find, which does nothing but look at every file.
func (s *session) scaleScanAgain() error {
	if err := s.stop(); err != nil {
		return err
	}
	settleDisk()
	var find float64
	for range 2 { // the first one warms the cache
		cmd := exec.Command("find", s.root[0], "-printf", `%s %T@\n`)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("find: %w", err)
		}
		find = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	err := s.measure(scanAgain, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.startOn(0); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitStatus(0, scanned)
		return at, map[string]float64{"find": find}, err
	})
	if err != nil {
		return err
	}
	return s.stop()
}

func (s *session) scaleUpAgain() error {
	settleDisk()
	return s.measure(upAgain, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		data := content("fresh", 1)
		if err := os.WriteFile(filepath.Join(s.root[0], "fresh"), data, 0o644); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.persevere(time.Millisecond, func() string { return "the new file has not crossed" },
			func() bool { return holds(filepath.Join(s.root[1], "fresh"), data) })
		return at, nil, err
	})
}

// scaleApart changes one file in a hundred while both are down.
func (s *session) scaleApart() error {
	if err := s.stop(); err != nil {
		return err
	}
	// From here on through a link that can be cut; its delay is none.
	if err := s.l.lengthen(2); err != nil {
		return err
	}
	if err := s.t.configure(s.l); err != nil {
		return err
	}
	changes, err := s.changeBoth(s.size.files/100, 0)
	if err != nil {
		return err
	}
	settleDisk()
	return s.measure(apart, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitChanges(changes)
		return at, nil, err
	})
}

// awaitChanges waits until all changes have happened on both sides, and then
// until they know it.
func (s *session) awaitChanges(changes []change) (time.Time, error) {
	open := changes
	state := func() string { return fmt.Sprintf("%d changes are to come", len(open)) }
	at, err := s.persevere(5*time.Millisecond, state, func() bool {
		for len(open) > 0 && open[0].happened(s.root[0]) && open[0].happened(s.root[1]) {
			open = open[1:]
		}
		return len(open) == 0
	})
	if err == nil {
		_, err = s.awaitSync()
	}
	return at, err
}

// scaleCuts cuts the connection of a running pair, changes something, and lets
// it come back: that costs what changed, not what is there.
func (s *session) scaleCuts() error {
	for _, cut := range []struct {
		name    string
		n, skip int
	}{{cutOne, 1, 1}, {cutPercent, s.size.files / 100, 2}} {
		s.l.direct()
		if _, err := s.awaitStatus(0, func(st report.Status) bool { return !st.Connected }); err != nil {
			return err
		}
		changes, err := s.changeBoth(cut.n, cut.skip)
		if err != nil {
			return err
		}
		for side := range 2 {
			if _, err := s.awaitStatus(side, func(st report.Status) bool { return st.Dirty == 0 && !st.Connected }); err != nil {
				return err
			}
		}
		pause(1000)
		err = s.measure(cut.name, func(begin func()) (time.Time, map[string]float64, error) {
			begin()
			if err := s.l.lengthen(2); err != nil {
				return time.Now(), nil, err
			}
			at, err := s.awaitChanges(changes)
			return at, nil, err
		})
		if err != nil {
			return err
		}
	}
	s.l.direct()
	return nil
}

// awaitStatus asks a daemon how its share is until that is as wanted.
func (s *session) awaitStatus(side int, wanted func(report.Status) bool) (time.Time, error) {
	h := s.l.hosts()[side]
	socket := filepath.Join(h.dir, "state", "control.sock")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	var last string
	at, err := s.persevere(25*time.Millisecond, func() string { return "status: " + last }, func() bool {
		answer, err := client.Get("http://duet/v1/status")
		if err != nil {
			return false // it is just coming up
		}
		defer answer.Body.Close()
		var all struct {
			Shares []report.Status `json:"shares"`
		}
		if json.NewDecoder(bufio.NewReader(answer.Body)).Decode(&all) != nil || len(all.Shares) != 1 {
			return false
		}
		st := all.Shares[0]
		last = fmt.Sprintf("%s, %d files, pending %d in and %d out, dirty %d", strings.TrimSpace(string(st.State)+" "+st.Reason), st.Files, st.PendingIn, st.PendingOut, st.Dirty)
		return wanted(st)
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", h.name, err)
	}
	return at, err
}

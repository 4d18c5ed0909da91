package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const bigSeed = 7

// large runs the works on one large file. It is made outside the tree and then
// moved in, so that what is measured begins in one instant.
func (s *session) large() error {
	has := false // a pair that has the file, in sync
	for _, w := range []struct {
		name string
		run  func() error
	}{{"big", s.big}, {"edit", s.edit}, {"insert", s.insert}} {
		if !s.wanted[w.name] {
			continue
		}
		if w.name == "big" || !has {
			if err := s.prepareLarge(w.name != "big"); err != nil {
				s.tell(w.name, used{}, nil, fmt.Errorf("%s: make the trees: %w", w.name, err))
				has = false
				continue
			}
		}
		has = w.run() == nil // else it is told
		if err := s.quiet(); err != nil {
			return err
		}
	}
	return nil
}

// prepareLarge makes a pair that is in sync, with the large file or without.
// Who gets it on which side is as in prepare.
func (s *session) prepareLarge(file bool) error {
	if err := s.stop(); err != nil {
		return err
	}
	s.patched = false
	err := s.begin(func(root string) error {
		if !file {
			return nil
		}
		return writeBlob(filepath.Join(root, "big"), nil, s.size.big, bigSeed)
	})
	if err == nil && file && s.t.name() != "duet" {
		err = s.copyAcross()
	}
	if err == nil {
		err = s.start()
	}
	if err == nil && file {
		_, err = s.awaitEqual(20*time.Millisecond, patience, func() bool { return holdsAt(s.at(1), s.size.big, 0, nil) })
	}
	if err == nil {
		err = s.greet()
	}
	return err
}

func (s *session) at(side int) string { return filepath.Join(s.root[side], "big") }

// arrive moves a new file into a's tree and waits until b has all of it.
func (s *session) arrive(name string, head []byte, tail []byte) error {
	outside := filepath.Join(filepath.Dir(filepath.Dir(s.root[0])), "outside")
	if err := writeBlob(outside, head, s.size.big, bigSeed); err != nil {
		return err
	}
	if err := patch(outside, int64(len(head))+s.size.big/2, tail); err != nil {
		return err
	}
	settleDisk()
	size := s.size.big + int64(len(head))
	return s.measure(name, func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := os.Rename(outside, s.at(0)); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitEqual(5*time.Millisecond, patience, func() bool { return holdsAt(s.at(1), size, 0, head) })
		return at, nil, err
	})
}

func (s *session) big() error { return s.arrive("big", nil, nil) }

var inside = blob(1<<20, 99)

// edit writes 1 MiB in the middle of the file, in place.
func (s *session) edit() error {
	settleDisk()
	s.patched = true
	return s.measure("edit", func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := patch(s.at(0), s.size.big/2, inside); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitEqual(5*time.Millisecond, patience, func() bool { return holdsAt(s.at(1), s.size.big, s.size.big/2, inside) })
		return at, nil, err
	})
}

var front = blob(1000, 1)

// insert replaces the file by one with 1,000 bytes more at its front.
func (s *session) insert() error {
	if s.patched {
		return s.arrive("insert", front, inside)
	}
	return s.arrive("insert", front, nil)
}

func patch(path string, at int64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, at)
	return errors.Join(err, f.Close())
}

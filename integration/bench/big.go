package main

import (
	"os"
	"path/filepath"
	"time"
)

const bigSeed = 7

// large runs the works on one large file. It is made outside the tree and then
// moved in, so that what is measured begins in one instant.
func (s *session) large() error {
	if err := s.begin(func(string) error { return nil }); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	hello := content("hello", 0)
	if err := os.WriteFile(filepath.Join(s.root[0], "hello"), hello, 0o644); err != nil {
		return err
	}
	if _, err := s.await(20*time.Millisecond, patience, func() bool { return holds(filepath.Join(s.root[1], "hello"), hello) }); err != nil {
		return err
	}
	if err := s.big(); err != nil || !s.wants("edit", "insert") {
		return err
	}
	pause(3000)
	if err := s.edit(); err != nil || !s.wants("insert") {
		return err
	}
	pause(3000)
	return s.insert()
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
	return s.measure("edit", func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := patch(s.at(0), s.size.big/2, inside); err != nil {
			return time.Now(), nil, err
		}
		at, err := s.awaitEqual(5*time.Millisecond, patience, func() bool { return holdsAt(s.at(1), s.size.big, s.size.big/2, inside) })
		return at, nil, err
	})
}

// insert replaces the file by one with 1,000 bytes more at its front.
func (s *session) insert() error { return s.arrive("insert", blob(1000, 1), inside) }

func patch(path string, at int64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, at); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// change is something that was done to one side while both tools were down.
type change struct {
	name string
	want []byte // nil: deleted
}

// happened reports whether the change is what a tree has now.
func (c change) happened(root string) bool {
	path := filepath.Join(root, c.name)
	if c.want == nil {
		return missing(path)
	}
	return holds(path, c.want)
}

// lookRest is how many times as long as a look at all changes took the next one
// waits: on two cores one after the other would take a third of what the tools have.
const lookRest = 20

// outage edits, deletes and creates, a third each, different paths on the two
// sides, while both are down. A tool that does not get it right, ever, is
// waited for until nothing moves any more; its wrong outcomes are counted.
func (s *session) outage() error {
	if err := s.stop(); err != nil {
		return err
	}
	changes, err := s.changeBoth(s.size.changes, 0)
	if err != nil {
		return err
	}
	settleDisk()
	return s.measure("outage", func(begin func()) (time.Time, map[string]float64, error) {
		begin()
		if err := s.start(); err != nil {
			return time.Now(), nil, err
		}
		open, last, moved := changes, 0, time.Now()
		asked, took := moved, time.Duration(0)
		at, err := s.await(5*time.Millisecond, patience, func() bool {
			for len(open) > 0 && open[0].happened(s.root[0]) && open[0].happened(s.root[1]) {
				open = open[1:]
			}
			if len(open) == 0 {
				return true
			}
			if time.Since(asked) < lookRest*took {
				return false
			}
			asked = time.Now()
			n := s.wrong(changes)
			if took = time.Since(asked); n != last {
				last, moved = n, time.Now()
			}
			return time.Since(moved) > 15*time.Second
		})
		if len(open) > 0 {
			at = moved
		}
		wrong := s.wrong(changes)
		s.unequal = wrong > 0
		return at, map[string]float64{"wrong": float64(wrong), "outcomes": float64(2 * len(changes))}, err
	})
}

// wrong counts the outcomes, of each change on each side, that are not as they
// should be.
func (s *session) wrong(changes []change) (n int) {
	for _, c := range changes {
		for _, root := range s.root {
			if !c.happened(root) {
				n++
			}
		}
	}
	return n
}

// changeBoth makes n changes; each skip has files of its own.
func (s *session) changeBoth(n, skip int) ([]change, error) {
	var out []change
	tree := s.tree()
	step := tree.files / n
	for i := range n {
		root, name := s.root[i%2], tree.name(i*step+skip)
		var c change
		var err error
		switch i / 2 % 3 {
		case 0:
			c = change{name, content(name, 1000+i)}
		case 1:
			c = change{name, nil}
			err = os.Remove(filepath.Join(root, name))
		case 2:
			c = change{filepath.Join(filepath.Dir(name), fmt.Sprintf("new%d-%d", skip, i)), content(name, 2000+i)}
		}
		if c.want != nil {
			err = os.WriteFile(filepath.Join(root, c.name), c.want, 0o644)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pipe is a command that copies once, from a to b, and remembers nothing.
type pipe struct {
	label  string
	needs  string
	works  []string
	script func(l *lab) string // a shell command
}

var pipes = []pipe{
	{"tar | ssh", "tar", []string{"first"}, func(l *lab) string {
		return fmt.Sprintf("tar -C %s -cf - . | %s b tar -C %s -xf -", l.root(l.a), strings.Join(l.ssh(), " "), l.root(l.b))
	}},
	{"cat | ssh", "cat", []string{"big"}, func(l *lab) string {
		return fmt.Sprintf("cat %s/big | %s b 'cat > %s/big'", l.root(l.a), strings.Join(l.ssh(), " "), l.root(l.b))
	}},
	{"rsync", "rsync", []string{"first", "big", "edit", "insert"}, func(l *lab) string { return rsync(l, "") }},
	{"rsync --fsync", "rsync", []string{"first", "big"}, func(l *lab) string { return rsync(l, "--fsync") }},
}

func rsync(l *lab, more string) string {
	return fmt.Sprintf("rsync -a %s -e '%s' %s/ b:%s/", more, strings.Join(l.ssh(), " "), l.root(l.a), l.root(l.b))
}

func (s *suite) pipes(wanted map[string]bool, delay time.Duration) error {
	for _, p := range pipes {
		if !slices.Contains(s.c.tools, p.label) || !installed(p.needs) {
			continue
		}
		for _, work := range p.works {
			if !wanted[work] {
				continue
			}
			if err := s.plantFor(work); err != nil {
				return err
			}
			u, err := s.l.once(p.script(s.l))
			s.note(p.label, work, delay, u, nil, err)
		}
		if v, err := firstLine(p.needs, "--version"); err == nil {
			s.r.Versions[p.label] = v
		}
	}
	return s.l.clear()
}

// plantFor makes both trees what they are before a work, and a's what it is to
// become.
func (s *suite) plantFor(work string) error {
	if err := s.l.clear(); err != nil {
		return err
	}
	root := s.l.root(s.l.a)
	if work == "first" {
		err := bulk{files: s.c.size.files}.plant(root)
		settleDisk()
		return err
	}
	file, size := filepath.Join(root, "big"), s.c.size.big
	err := writeBlob(file, nil, size, bigSeed)
	if err == nil && work != "big" {
		there := filepath.Join(s.l.root(s.l.b), "big")
		old := time.Now().Add(-time.Minute) // rsync goes by size and time
		err = errors.Join(run("cp", "-a", file, there), os.Chtimes(there, old, old))
	}
	switch {
	case err != nil:
	case work == "edit":
		err = patch(file, size/2, inside)
	case work == "insert":
		err = writeBlob(file, front, size, bigSeed)
	}
	settleDisk()
	return err
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func cutLine(s string) (before, after string, found bool) { return strings.Cut(s, "\n") }

// once measures a shell command on a, after which the trees must be equal.
func (l *lab) once(script string) (used, error) {
	m, err := newMeter(l)
	if err != nil {
		return used{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = l.a.run(ctx, "sh", "-c", script)
	u, merr := m.read(time.Since(m.began).Seconds())
	if err = errors.Join(err, merr); err != nil {
		return u, err
	}
	diffs, err := different(l.root(l.a), l.root(l.b))
	if err == nil && len(diffs) > 0 {
		err = fmt.Errorf("the trees differ: %v", diffs)
	}
	return u, err
}

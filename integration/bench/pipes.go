package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// pipe is a command that copies once, from a to b, and remembers nothing.
type pipe struct {
	label string
	needs string
	tree  func(l *lab) string // a shell command that copies the whole tree
	file  func(l *lab) string // one that copies the file "big"
}

var pipes = []pipe{
	{"tar | ssh", "tar", func(l *lab) string {
		return fmt.Sprintf("tar -C %s -cf - . | %s b tar -C %s -xf -", l.root(l.a), strings.Join(l.ssh(), " "), l.root(l.b))
	}, nil},
	{"cat | ssh", "cat", nil, func(l *lab) string {
		return fmt.Sprintf("cat %s/big | %s b 'cat > %s/big'", l.root(l.a), strings.Join(l.ssh(), " "), l.root(l.b))
	}},
	{"rsync", "rsync", rsync, rsync},
}

func rsync(l *lab) string {
	return fmt.Sprintf("rsync -a -e '%s' %s/ b:%s/", strings.Join(l.ssh(), " "), l.root(l.a), l.root(l.b))
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
	if err == nil {
		err = merr
	}
	if err != nil {
		return u, err
	}
	diffs, err := different(l.root(l.a), l.root(l.b))
	if err == nil && len(diffs) > 0 {
		err = fmt.Errorf("the trees differ: %v", diffs)
	}
	return u, err
}

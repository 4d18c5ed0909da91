package replicate

import (
	"time"

	"duet/scan"
	"duet/store/index"
)

// maxLooking is how many examinations run at a time, so that a large file does
// not hold up the others.
const maxLooking = 3

// maxCrossed bounds the paths that are remembered while a scan is under way.
const maxCrossed = 1 << 16

// examine looks at the paths that the watcher marked, once they have settled.
func (l *loop) examine(now time.Time) {
	n := &l.notice
	if l.root.ctx == nil || !l.root.ready || len(n.looking) >= maxLooking {
		return
	}
	for p, subtree := range l.trouble.Due(now) {
		n.dirty.Mark(p, subtree, now)
	}
	due := n.apart(n.dirty.Due(now, maxExamine), now)
	if len(due) == 0 {
		return
	}
	n.serial++
	serial := n.serial
	n.looking[serial] = due
	n.cross(due)
	l.trouble.Recheck(due, serial)
	ctx := l.root.ctx
	o := scan.ExamineOptions{
		WalkOptions: l.walkOptions(ctx, index.ByWatch),
		Settle:      l.s.cfg.Settle, MaxSettle: l.s.cfg.MaxSettle,
	}
	o.Progress = nil
	all := collect(o.Emit)
	o.Emit = all.add
	l.start(func() func() {
		again, err := scan.Examine(ctx, o, due)
		if e := all.flush(); err == nil {
			err = e
		}
		return func() { l.examined(serial, due, again, err, time.Now()) }
	})
}

// collected gathers the findings of one examination, so that both halves of a
// rename are committed, and told to the peer, together.
type collected struct {
	emit     func([]scan.Finding, []scan.Problem) error
	found    []scan.Finding
	problems []scan.Problem
}

// maxCollected bounds what is committed together.
const maxCollected = 20000

func collect(emit func([]scan.Finding, []scan.Problem) error) *collected {
	return &collected{emit: emit}
}

func (c *collected) add(found []scan.Finding, problems []scan.Problem) error {
	for i := range found {
		found[i].Content = nil // the feed reads it again, from the page cache
	}
	c.found = append(c.found, found...)
	c.problems = append(c.problems, problems...)
	if len(c.found)+len(c.problems) < maxCollected {
		return nil
	}
	return c.flush()
}

func (c *collected) flush() error {
	if len(c.found)+len(c.problems) == 0 {
		return nil
	}
	err := c.emit(c.found, c.problems)
	c.found, c.problems = nil, nil
	return err
}

// examined takes note of the end of an examination.
func (l *loop) examined(serial int, due, again []scan.Dirty, err error, now time.Time) {
	n := &l.notice
	delete(n.looking, serial)
	if l.root.ctx == nil || l.root.ctx.Err() != nil {
		return
	}
	if err != nil {
		l.log.Error("look at changed paths", "error", err)
		l.root.next = now
		for i := range due {
			due[i].After = now.Add(time.Second)
		}
		n.dirty.Put(due...)
		return
	}
	n.dirty.Put(again...)
	l.trouble.WellAgain(serial)
	l.rounds.Kick()
}

// apart puts those of due back, for a moment, that another examination has in
// hand, or something above or below them. Two looks at one path must not
// overlap: the later one could find that the tree is as the index says and say
// nothing, before what the earlier one saw is committed, and the index would
// then describe for good what is no longer there.
func (n *notice) apart(due []scan.Dirty, now time.Time) []scan.Dirty {
	if len(n.looking) == 0 {
		return due
	}
	held, above := map[index.Path]bool{}, map[index.Path]bool{}
	for _, ds := range n.looking {
		for _, d := range ds {
			held[d.Path] = true
			for p := d.Path; p != index.Root && !above[p.Parent()]; p = p.Parent() {
				above[p.Parent()] = true
			}
		}
	}
	var free []scan.Dirty
	for _, d := range due {
		taken := held[d.Path] || above[d.Path]
		for p := d.Path; p != index.Root && !taken; p = p.Parent() {
			taken = held[p.Parent()]
		}
		if !taken {
			free = append(free, d)
			continue
		}
		d.After = now.Add(10 * time.Millisecond)
		n.dirty.Put(d)
	}
	return free
}

// cross remembers what is looked at while a scan is under way: for the same
// reason it has to be looked at once more when the scan is committed.
func (n *notice) cross(due []scan.Dirty) {
	if !n.scanning {
		return
	}
	for _, d := range due {
		if len(n.crossed) < maxCrossed {
			n.crossed[d.Path] = n.crossed[d.Path] || d.Recursive
		} else {
			n.crossed[index.Root] = true
		}
	}
}

// lookAgain marks what was looked at while a scan was under way.
func (l *loop) lookAgain(now time.Time) {
	n := &l.notice
	if n.crossed[index.Root] {
		n.rescan = now
		clear(n.crossed)
	}
	for p, recursive := range n.crossed {
		n.dirty.Mark(p, recursive, now)
	}
	clear(n.crossed)
}

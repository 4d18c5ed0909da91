package scan

import (
	"context"
	"slices"
	"sync"
	"time"

	"duet/scan/vfs"
	"duet/store/index"
)

// A file that is being written is looked at again after a quarter of the time
// that it was waited for already, within these bounds: nothing tells when it
// is closed. One that could not be copied has longer to wait for the next try.
const (
	pollMin, pollMax = 5 * time.Millisecond, 50 * time.Millisecond
	copyMin, copyMax = time.Second, time.Minute
	// pollShare files are polled at the full rate; the more there are, the slower.
	pollShare = 256
)

// maxMoved bounds how many files of removed directories are remembered, to
// know them where they were moved to.
const maxMoved = 1 << 16

// ExamineOptions are those of a Walk (Under is not used), and how long to wait
// for files that are being written.
type ExamineOptions struct {
	WalkOptions
	Now       func() time.Time // for waiting; nil: time.Now
	Settle    time.Duration    // of the DirtySet; where open writers cannot be told, a file must be unchanged for ten of these
	MaxSettle time.Duration    // after this, a file that is still being written is copied and reported as it is
}

// Examine looks at the given paths, as a watcher marked them, and emits what
// differs from the index: parents before children, creations before deletions.
// It returns those that must be looked at again, for DirtySet.Put.
//
// Several may run at a time, best on different paths, so that one large file
// does not keep the others waiting: each Finding says what it was compared with.
func Examine(ctx context.Context, o ExamineOptions, paths []Dirty) (again []Dirty, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &examiner{o: &o, since: map[index.Path]Dirty{}, moved: map[uint64]content{}, told: map[index.Path]bool{}}
	x.crew = newCrew(ctx, &o.WalkOptions, 10*time.Millisecond, waiting{
		settle: 10 * o.Settle, closely: true,
		busy: x.busy, overdue: x.overdue, moved: x.known, untouched: x.untouched,
	})
	paths = slices.Clone(paths)
	slices.SortFunc(paths, func(a, b Dirty) int { return a.Path.Compare(b.Path) })
	for _, d := range paths {
		x.since[d.Path] = d
	}
	_, err = x.run(func() error { return x.all(paths) })
	if err != nil {
		return paths, err
	}
	for i := range x.again {
		x.again[i].After = x.again[i].After.Add(time.Duration(len(x.again)/pollShare) * pollMax)
	}
	return x.again, nil
}

type examiner struct {
	*crew
	o       *ExamineOptions
	since   map[index.Path]Dirty // as given
	moved   map[uint64]content   // by inode: what files that are missing now held
	told    map[index.Path]bool  // directories that the index has, or that were emitted
	missing graves

	mu    sync.Mutex
	again []Dirty
}

type content struct {
	stamp index.Stamp
	hash  index.Hash
}

// sight is one path, and what was there after its record was read.
type sight struct {
	Dirty
	rec  *index.Record
	info vfs.Info
}

func (x *examiner) all(paths []Dirty) error {
	var there []sight
	for _, d := range paths {
		if d.Path == index.Root {
			if d.Recursive {
				there = append(there, sight{Dirty: d})
			}
			continue
		}
		s, ok, err := x.look(d)
		if err != nil {
			return err
		}
		if ok {
			there = append(there, s)
		}
	}
	walked, any := index.Root, false
	for _, s := range there {
		if any && s.Path.Under(walked) {
			continue
		}
		whole, err := x.examine(s)
		if err != nil {
			return err
		}
		if whole {
			walked, any = s.Path, true
		}
	}
	x.barrier()
	return x.bury(&x.missing)
}

// look finds out what is at a path; ok is false if there is nothing more to do
// but to bury it.
func (x *examiner) look(d Dirty) (s sight, ok bool, err error) {
	if err := x.ctx.Err(); err != nil {
		return s, false, err
	}
	s.Dirty = d
	if s.rec, err = x.o.Get(d.Path); err != nil {
		return s, false, err
	}
	rules := x.o.Facts.Rules
	s.info, err = x.o.Files.Lstat(d.Path)
	if notThere(err) {
		return s, false, x.gone(s)
	}
	if rules.Ignored(d.Path, err == nil && s.info.Type == vfs.Directory) {
		return s, false, nil
	}
	x.paths.Add(1)
	if err != nil {
		x.problem(Problem{Path: d.Path, Err: err, Subtree: true})
		return s, false, nil
	}
	if skip := skipped(d.Path, s.rec, s.info); skip != nil {
		x.problem(*skip)
		return s, false, nil
	}
	if ours, _ := oursOf(s.rec); ours.Live() && ours.Kind == index.Dir && s.info.Type != vfs.Directory {
		if err := x.gone(s); err != nil { // what was in it
			return s, false, err
		}
	}
	return s, true, nil
}

// gone has the records at and below s buried if they are missing, and
// remembers what the files among them held.
func (x *examiner) gone(s sight) error {
	ours, _ := oursOf(s.rec)
	leaf := ours.LiveKind() != index.Dir
	x.missing.add(s.Path, s.Path, leaf)
	x.remember(s.rec)
	if leaf {
		return nil
	}
	cur, err := newCursor(&x.o.WalkOptions, s.Path, s.Path)
	if err != nil {
		return err
	}
	for len(x.moved) < maxMoved {
		r, err := cur.next()
		if err != nil || r == nil {
			return err
		}
		x.remember(r)
	}
	return nil
}

// remember notes what a file that is missing held.
func (x *examiner) remember(r *index.Record) {
	if ours, stamp := oursOf(r); ours.LiveKind() == index.File && len(x.moved) < maxMoved {
		x.moved[stamp.Ino] = content{stamp, ours.Hash}
	}
}

// known returns the content of a large file that was renamed. A whole number of
// seconds is no evidence: it is what archives and other tools set.
func (x *examiner) known(now index.Stamp) (index.Hash, bool) {
	m, ok := x.moved[now.Ino]
	ok = ok && now.Size >= trustMoved && m.stamp.SameBytes(now) && now.ModTime%int64(time.Second) != 0
	return m.hash, ok
}

// untouched returns the content of a file that came along when a directory above
// it was renamed: nothing at all has changed of the file itself, not even its
// ctime, and that is what every look takes for the same content.
func (x *examiner) untouched(now index.Stamp) (index.Hash, bool) {
	m, ok := x.moved[now.Ino]
	return m.hash, ok && m.stamp == now
}

// examine compares one path that is there; whole if everything below it, too.
func (x *examiner) examine(s sight) (whole bool, err error) {
	if s.Path == index.Root {
		return true, x.walk(index.Root, &x.missing)
	}
	if ok, err := x.tellParents(s.Path); !ok {
		return false, err
	}
	if s.info.Type == vfs.Directory {
		x.told[s.Path] = true
		ours, was := oursOf(s.rec)
		if s.Recursive || !known(ours, was, index.Dir) || was.Ino != s.info.Stamp.Ino {
			return true, x.walk(s.Path, &x.missing)
		}
	}
	return false, x.present(s.Path, s.rec, s.info)
}

// tellParents emits the directories above p that the index does not have yet:
// their own events may come later. It is false if one is no directory, or is
// not synced: then its own event says all that there is to say.
func (x *examiner) tellParents(p index.Path) (bool, error) {
	for i, c := range []byte(p) {
		dir := p[:i]
		if c != '/' || x.told[dir] {
			continue
		}
		r, err := x.o.Get(dir)
		if err != nil {
			return false, err
		}
		if ours, _ := oursOf(r); !ours.Live() || ours.Kind != index.Dir {
			info, err := x.o.Files.Lstat(dir)
			if err != nil || info.Type != vfs.Directory || info.Mount {
				return false, nil
			}
			if err := x.present(dir, r, info); err != nil {
				return false, err
			}
		}
		x.told[dir] = true
	}
	return true, nil
}

// busy notes a file that is to be looked at again. Hashers call it.
func (x *examiner) busy(p index.Path, copied bool) {
	now := x.o.Now()
	d, ok := x.since[p]
	if !ok {
		d = Dirty{Path: p, First: now, Last: now}
	}
	d.Recursive = false
	waited := now.Sub(d.First)
	d.After = now.Add(min(max(waited/4, pollMin), pollMax))
	if copied {
		d.Copy = now.Add(min(max(waited/4, copyMin), copyMax))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.again = append(x.again, d)
}

func (x *examiner) overdue(p index.Path) bool {
	d, ok := x.since[p]
	now := x.o.Now()
	return ok && now.Sub(d.First) >= x.o.MaxSettle && !now.Before(d.Copy)
}

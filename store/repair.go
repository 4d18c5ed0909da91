package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Repair is an index made anew from what can be read of a broken one: what is
// listed in several ways is listed anew, what is counted is counted again. It
// lies beside the broken file until Install.
//
// If anything was lost that the rest does not say, the index begins a new epoch:
// nobody can tell any more what is missing, so deletes are forgotten, and the
// result is a union with the peer (rule 11). No file is taken to be what the
// index says before it has been read again, either: a bit that turned in a hash
// or a time looks like any other.
type Repair struct {
	Sound   bool     // there is nothing to repair
	Whole   bool     // nothing was lost: deletes are remembered as before
	Empty   bool     // nothing could be read: the index is a new one
	Wrong   []string // what is wrong, the first few
	Lost    int      // pages and values that could not be read or made no sense
	Records int64    // that the repaired index has
	Deletes int64    // that it remembers
	Events  int64
	Kept    int64

	path, draft string
	lock        *os.File
	now         time.Time
}

// maxWrong bounds Repair.Wrong.
const maxWrong = 20

// PrepareRepair finds out what is wrong with the index file at path, and makes
// one beside it that is not. The file itself is left as it is. The error wraps
// ErrLocked if a process has it open.
func PrepareRepair(path string, o Options) (*Repair, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = randomUint64
	}
	r := &Repair{path: path, now: o.Now()}
	if err := r.prepare(o); err != nil {
		return nil, errors.Join(fmt.Errorf("repair index %s: %w", path, err), r.Discard())
	}
	return r, nil
}

func (r *Repair) prepare(o Options) error {
	if err := r.diagnose(o); err != nil || r.Sound {
		return err
	}
	var err error
	if r.lock, err = os.Open(r.path); err != nil {
		return err
	}
	if err := unix.Flock(int(r.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return ErrLocked
		}
		return err
	}
	info, err := r.lock.Stat()
	if err != nil {
		return err
	}
	r.draft = r.path + ".repaired"
	if err := os.Remove(r.draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // of an earlier one that was interrupted
	}
	w, err := openWreck(r.lock, info.Size())
	if err != nil {
		r.Empty, r.Lost = true, 1
		r.say(err)
	}
	return r.fill(w, o)
}

// diagnose asks Check.
func (r *Repair) diagnose(o Options) error {
	s, err := Open(r.path, Options{ReadOnly: true, Share: o.Share})
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission), errors.Is(err, ErrFormat):
		return err
	case err != nil:
		r.say(err)
		return nil
	}
	err = s.View(func(tx *Tx) error {
		for broken := range Check(tx, CheckOptions{}) {
			r.say(broken)
		}
		return nil
	})
	if err = errors.Join(err, s.Close(), r.checkFree()); err != nil {
		r.say(err)
	}
	r.Sound = len(r.Wrong) == 0
	return nil
}

func (r *Repair) checkFree() error {
	f, err := os.Open(r.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w, err := openWreck(f, info.Size())
	if err != nil {
		return err
	}
	return w.checkFree()
}

func (r *Repair) say(err error) {
	if len(r.Wrong) < maxWrong {
		r.Wrong = append(r.Wrong, err.Error())
	}
}

// fill makes the draft from what w can read; a nil w can read nothing.
func (r *Repair) fill(w *wreck, o Options) error {
	draft := Options{Share: o.Share, Node: o.Node, Now: o.Now, Random: o.Random}
	whole, err := r.inDraft(draft, func(s *Store) error {
		if w == nil {
			return nil
		}
		m := &mover{wreck: w, to: s}
		err := m.move()
		r.Lost = w.lost + m.dropped
		return err
	})
	if err == nil {
		r.Whole = whole && r.Lost == 0
	}
	if err != nil || r.Whole {
		return errors.Join(err, r.count(draft))
	}
	if !r.Empty {
		whole, err = r.inDraft(draft, r.beginAnew)
		if err != nil {
			return err
		}
	}
	if !whole {
		// What is left contradicts itself: better none than that.
		r.Empty = true
		if err := os.Remove(r.draft); err != nil {
			return err
		}
		if _, err := r.inDraft(draft, func(*Store) error { return nil }); err != nil {
			return err
		}
	}
	return r.count(draft)
}

// inDraft changes the draft, which it makes if there is none yet, and reports
// whether it is sound then.
func (r *Repair) inDraft(o Options, f func(*Store) error) (sound bool, err error) {
	if _, err := os.Stat(r.draft); errors.Is(err, os.ErrNotExist) {
		if err := create(r.draft, o, migrations); err != nil {
			return false, err
		}
	}
	s, err := openBolt(r.draft, o, false)
	if err != nil {
		return false, err
	}
	if err = f(s); err == nil {
		sound = r.sound(s)
	}
	return sound, errors.Join(err, s.Close())
}

// count says what the draft has.
func (r *Repair) count(o Options) error {
	_, err := r.inDraft(o, func(s *Store) error {
		return s.View(func(tx *Tx) error {
			c, err := tx.Counts()
			r.Records, r.Deletes, r.Events, r.Kept = c.Records, c.Tombstones, c.Events, c.Kept
			return err
		})
	})
	return err
}

// sound reports whether Check has nothing to say.
func (r *Repair) sound(s *Store) bool {
	ok := true
	err := s.View(func(tx *Tx) error {
		for range Check(tx, CheckOptions{}) {
			ok = false
			break
		}
		return nil
	})
	return ok && err == nil
}

// beginAnew starts a new epoch, in which no file is what the index says before
// it was read.
func (r *Repair) beginAnew(s *Store) error {
	if err := s.distrust(); err != nil {
		return err
	}
	if err := s.Update((*Tx).forgetRest); err != nil {
		return err
	}
	_, err := s.NewEpoch(r.now, 0)
	return err
}

// Install puts the repaired index in the place of the broken one, which keeps
// another name: that is returned.
func (r *Repair) Install() (aside string, err error) {
	if r.Sound {
		return "", nil
	}
	defer func() { err = errors.Join(err, r.Discard()) }()
	if err := syncFile(r.draft); err != nil {
		return "", err
	}
	if aside, err = r.setAside(); err != nil {
		return "", fmt.Errorf("keep the broken index: %w", err)
	}
	if err := os.Rename(r.draft, r.path); err != nil {
		return "", errors.Join(err, os.Remove(aside))
	}
	return aside, syncDir(filepath.Dir(r.path))
}

// setAside gives the broken index another name as well. Link fails where a rename
// would replace what an earlier repair put aside.
func (r *Repair) setAside() (string, error) {
	base := fmt.Sprintf("%s.broken-%s", r.path, r.now.UTC().Format("20060102T150405"))
	for n, name := 2, base; ; n++ {
		err := os.Link(r.path, name)
		if err == nil || !errors.Is(err, os.ErrExist) || n > 99 {
			return name, err
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// Discard removes what was prepared, if it was not installed, and lets the
// index go.
func (r *Repair) Discard() error {
	var err error
	if r.draft != "" {
		if err = os.Remove(r.draft); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if r.lock != nil {
		err = errors.Join(err, r.lock.Close())
		r.lock = nil
	}
	return err
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"duet/store/index"
)

// The buckets of the file.
var (
	metaBucket     = []byte("meta")
	recordBucket   = []byte("record")
	todoBucket     = []byte("todo")
	heldBucket     = []byte("held")
	contentBucket  = []byte("content")
	recentBucket   = []byte("recent")
	classBucket    = []byte("class")
	journalBucket  = []byte("journal")
	mentionBucket  = []byte("mention")
	intentBucket   = []byte("intent")
	keptBucket     = []byte("kept")
	keptHashBucket = []byte("kepthash")
	keptPathBucket = []byte("keptpath")
	conflictBucket = []byte("conflict")
	disputeBucket  = []byte("dispute") // conflicts by path
	rulingBucket   = []byte("ruling")
	ruledBucket    = []byte("ruled")

	allBuckets = [][]byte{metaBucket, recordBucket, todoBucket, heldBucket, contentBucket, recentBucket, classBucket,
		journalBucket, mentionBucket, intentBucket, keptBucket, keptHashBucket, keptPathBucket, conflictBucket,
		disputeBucket, rulingBucket, ruledBucket}
)

// fill is how full bbolt leaves the pages that it splits, where its default of
// one half does not fit: these buckets only grow at their end.
var fill = map[string]float64{"journal": 1, "class": 1}

// How full pages of records are left. A scan or a first meeting adds them in
// order, and they grow by up to one part in ten until both sides agree: a page
// that overflows then would be left as two halves. Later edits grow single
// records, and halves leave room for the next one.
const (
	fillAdding  = 0.87
	fillEditing = 0.55
)

// Tx is one transaction. It is valid until the func that got it returns, and
// for one goroutine. What it returns stays valid.
type Tx struct {
	bolt    *bolt.Tx
	store   *Store
	buckets map[string]*bolt.Bucket
	changes int   // so far; an iterator finds its place again after one
	added   int   // records added less records changed
	recent  int64 // keys added to recent, less those dropped from it

	leaving map[string]bool // keys of todo that are dropped at commit
	last    lastRead

	classes *classes
	meta    *metaValue
	counts  *Counts
	written Counts // what the file has
	journal journal
}

// View runs f on the state of the last commit.
func (s *Store) View(f func(*Tx) error) (err error) {
	return s.run(false, func(tx *Tx) error { return f(tx) })
}

// Update runs f and commits what it did, on stable storage when Update
// returns; nothing, if f returns an error. One Update runs at a time.
func (s *Store) Update(f func(*Tx) error) error {
	return s.run(true, func(tx *Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		err := tx.commit()
		if err != nil {
			s.recent.Store(unknown)
		}
		return err
	})
}

// Moment tells the states of an index apart: in two Views of one Store it is the same
// if nothing was committed in between, and then all that was read is as it was.
func (tx *Tx) Moment() Moment { return Moment(tx.bolt.ID()) }

// Moment is a state of an index; 0 is none.
type Moment uint64

func (s *Store) run(write bool, f func(*Tx) error) (err error) {
	if s.broken.Load() {
		return fmt.Errorf("index %s: %w", s.path, ErrCorrupt)
	}
	defer armFaults()()
	var b *bolt.Tx
	rollback := func() error {
		if b == nil {
			return nil
		}
		if err := b.Rollback(); err != nil && !errors.Is(err, bolterrors.ErrTxClosed) {
			return err
		}
		return nil
	}
	defer s.catch(&err, rollback)
	if b, err = s.db.Begin(write); err != nil {
		return fmt.Errorf("index %s: %w", s.path, err)
	}
	tx := &Tx{bolt: b, store: s, buckets: make(map[string]*bolt.Bucket), classes: s.classes.Load()}
	if err := f(tx); err != nil {
		return errors.Join(err, rollback())
	}
	return rollback() // does nothing after a commit
}

// commit writes what was saved up and commits.
func (tx *Tx) commit() error {
	if err := tx.flushEvents(); err != nil {
		return err
	}
	if err := tx.flushCounts(); err != nil {
		return err
	}
	if err := tx.flushTodo(); err != nil {
		return err
	}
	if err := tx.ripen(); err != nil {
		return err
	}
	tx.setFill()
	if err := tx.hook("commit"); err != nil {
		return err
	}
	// Readers need the new classes from the instant of the commit on. Until
	// then they know of more than is there, which harms nobody.
	before := tx.store.classes.Swap(tx.classes)
	if err := tx.bolt.Commit(); err != nil {
		tx.store.classes.Store(before)
		return fmt.Errorf("commit to index %s: %w", tx.store.path, err)
	}
	return tx.hook("committed")
}

// setFill says how to split pages, which bbolt does when it commits.
func (tx *Tx) setFill() {
	f := fillEditing
	if tx.added > 0 {
		f = fillAdding
	}
	tx.bucket(recordBucket).FillPercent = f
	tx.bucket(todoBucket).FillPercent = f
}

func (tx *Tx) hook(stage string) error {
	if tx.store.options.Commit == nil {
		return nil
	}
	return tx.store.options.Commit(stage)
}

func (tx *Tx) bucket(name []byte) *bolt.Bucket {
	if b, ok := tx.buckets[string(name)]; ok {
		return b
	}
	b := tx.bolt.Bucket(name)
	if b == nil {
		panic(damageFound(fmt.Sprintf("bucket %s is missing", name)))
	}
	if f, ok := fill[string(name)]; ok {
		b.FillPercent = f
	}
	tx.buckets[string(name)] = b
	return b
}

func (tx *Tx) put(bucket, key, value []byte) error {
	tx.changes++
	if err := tx.bucket(bucket).Put(key, value); err != nil {
		return fmt.Errorf("index %s: %s: %w", tx.store.path, bucket, err)
	}
	return nil
}

func (tx *Tx) drop(bucket, key []byte) error {
	tx.changes++
	if err := tx.bucket(bucket).Delete(key); err != nil {
		return fmt.Errorf("index %s: %s: %w", tx.store.path, bucket, err)
	}
	return nil
}

// member makes key be in a bucket that is a set, or not.
func (tx *Tx) member(bucket, key []byte, was, is bool) error {
	switch {
	case is && !was:
		return tx.put(bucket, key, nil)
	case was && !is:
		return tx.drop(bucket, key)
	}
	return nil
}

// ascend yields the keys of a bucket from seek on. The bucket may be changed
// meanwhile: what is then ahead is met, what is behind is not.
func (tx *Tx) ascend(bucket, seek []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := tx.bucket(bucket).Cursor()
		k, v := c.Seek(seek)
		for k != nil {
			last, changes := k, tx.changes
			if !yield(k, v) {
				return
			}
			if changes == tx.changes {
				k, v = c.Next()
			} else {
				c = tx.bucket(bucket).Cursor()
				if k, v = c.Seek(last); bytes.Equal(k, last) {
					k, v = c.Next()
				}
			}
			if k != nil && bytes.Compare(k, last) <= 0 {
				panic(damageFound(fmt.Sprintf("the keys of %s are out of order", bucket)))
			}
		}
	}
}

// descend is ascend backwards, from seek down; nil is the end. It is only for
// buckets that nothing is dropped from meanwhile: in a transaction that emptied
// pages, bbolt's Prev stops at one, and its Last may never return.
func (tx *Tx) descend(bucket, seek []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := tx.bucket(bucket).Cursor()
		k, v := c.Last()
		if seek != nil {
			k, v = c.Seek(seek)
			if !bytes.Equal(k, seek) {
				k, v = back(c, k)
			}
		}
		for k != nil {
			last, changes := k, tx.changes
			if !yield(k, v) {
				return
			}
			if changes == tx.changes {
				k, v = c.Prev()
			} else {
				c = tx.bucket(bucket).Cursor()
				k, _ = c.Seek(last)
				k, v = back(c, k)
			}
			if k != nil && bytes.Compare(k, last) >= 0 {
				panic(damageFound(fmt.Sprintf("the keys of %s are out of order", bucket)))
			}
		}
	}
}

// back steps to the key before the one that a Seek found, which may be none.
func back(c *bolt.Cursor, found []byte) (k, v []byte) {
	if found == nil {
		return c.Last()
	}
	return c.Prev()
}

// parsePathKey reads a key of one of the buckets of paths.
func (tx *Tx) parsePathKey(k []byte) (index.Path, error) {
	p, err := index.PathFromKey(k)
	if err != nil {
		return "", tx.damaged(err)
	}
	return p, nil
}

func (tx *Tx) damaged(err error) error {
	return fmt.Errorf("index %s: %w", tx.store.path, damage(err))
}

// FreeBytes is how much of the file is empty, and is used again before it grows.
func (tx *Tx) FreeBytes() int64 {
	return int64(tx.store.db.Stats().FreePageN) * int64(tx.store.db.Info().PageSize)
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"duet/store/index"
)

// CheckOptions say what Check compares the index with.
type CheckOptions struct {
	// Held yields the names in the holding area's folder of kept versions;
	// nil: what lies there is not looked at.
	Held iter.Seq[string]
}

// Check states every invariant of an index, and yields an error for each place
// where one does not hold. It reads everything once, and remembers only the
// names of kept versions.
func Check(tx *Tx, o CheckOptions) iter.Seq[error] {
	return func(yield func(error) bool) {
		c := &checker{tx: tx, report: yield}
		meta, err := tx.loadMeta()
		if err != nil {
			c.fail(err)
			return
		}
		c.meta = meta
		for _, part := range []func(){c.runs, c.records, c.sets, c.journal, c.notes, c.conflicts, c.rulings, c.counts} {
			if part(); c.stop {
				return
			}
		}
		if o.Held != nil {
			c.heldFiles(o.Held)
		}
	}
}

type checker struct {
	tx     *Tx
	meta   *metaValue
	report func(error) bool
	stop   bool

	counted  Counts // what there is, as against what is counted
	content  int64  // records that must have a content key
	mentions int64  // keys by which events must be found
	hashed   int64  // kept versions that must have a hash key
	ruled    int64  // paths of rulings
}

// fail reports err; nil is nothing to report.
func (c *checker) fail(err error) {
	if err != nil && !c.stop {
		c.stop = !c.report(err)
	}
}

func (c *checker) failf(format string, args ...any) { c.fail(fmt.Errorf(format, args...)) }

func (c *checker) runs() {
	if c.meta.reset != noReset {
		c.failf("meta: a reset of the index is unfinished; starting duet finishes it")
	}
	head := c.tx.Head()
	if c.meta.Acked > head {
		c.failf("meta: the peer acknowledged position %d, and the journal ends at %d: the index was rolled back", c.meta.Acked, head)
	}
	if len(c.meta.Runs) > maxRuns {
		c.failf("meta: %d runs: the limit is %d", len(c.meta.Runs), maxRuns)
	}
	var from index.Seq
	for i, r := range c.meta.Runs {
		if r.From < from || r.From > head {
			c.failf("meta: run %d of %d begins at %d, after %d, and the journal ends at %d", i+1, len(c.meta.Runs), r.From, from, head)
		}
		from = r.From
	}
}

// records checks each record by itself and against the buckets that must know
// it. That those know no more is a matter of numbers, see sets.
func (c *checker) records() {
	for r, err := range c.tx.Range(index.Root, false) {
		if c.stop {
			return
		}
		if err != nil {
			c.fail(err)
			continue
		}
		c.counted.addRecord(r, 1)
		c.record(r)
		c.next(r)
	}
}

func (c *checker) record(r *index.Record) {
	key, head := r.Path.Key(), c.tx.Head()
	if is := c.tx.bucket(todoBucket).Get(key) != nil; is != (r.Next == index.Take) {
		c.failf("record %q: next is %v, and todo says %v", r.Path, r.Next, is)
	}
	if is := c.tx.bucket(heldBucket).Get(key) != nil; is != (r.Next == index.Held) {
		c.failf("record %q: next is %v, and held says %v", r.Path, r.Next, is)
	}
	if k := contentKey(r); k != nil {
		c.content++
		if !c.tx.has(contentBucket, k) && !c.tx.has(recentBucket, k) {
			c.failf("record %q: cannot be found by its content", r.Path)
		}
	}
	// A reset begins with what is said of the peer in Meta.
	if heard := max(c.meta.Heard, c.meta.Ahead); r.Heard > heard && c.meta.reset == noReset {
		c.failf("record %q: heard at %d, and the peer's journal only up to %d", r.Path, r.Heard, heard)
	}
	if r.Ours != nil {
		if own := r.Ours.Version.At(c.meta.Epoch); own > r.Pos {
			c.failf("record %q: edited at %d, and carried at %d", r.Path, own, r.Pos)
		}
	}
	if r.Theirs != nil && r.Theirs.Version.At(c.meta.Epoch) > head {
		c.failf("record %q: the peer knows an edit of this node at %d, and the journal ends at %d: the index was rolled back",
			r.Path, r.Theirs.Version.At(c.meta.Epoch), head)
	}
	if r.Ours == nil {
		return
	}
	if r.Pos > head {
		c.failf("record %q: carried at %d, and the journal ends at %d", r.Path, r.Pos, head)
		return
	}
	switch s, err := c.tx.storedEvent(r.Pos); {
	case err != nil:
		c.fail(err)
	case s.Path != r.Path:
		c.failf("record %q: position %d carried %q", r.Path, r.Pos, s.Path)
	case !s.InRecord && s.Entry == nil:
		c.failf("record %q: position %d carried no entry", r.Path, r.Pos)
	}
}

// next checks that Next and Base fit what is known of both sides.
func (c *checker) next(r *index.Record) {
	same := r.Agreed() && index.Same(r.Ours, r.Theirs)
	switch r.Next {
	case index.Nothing:
		if r.Theirs != nil && !same {
			c.failf("record %q: the two sides differ, and nobody has to move", r.Path)
		}
	case index.Take, index.Held:
		if r.Theirs == nil || same {
			c.failf("record %q: next is %v, and there is nothing to decide", r.Path, r.Next)
		}
	case index.Wait:
		if r.Ours == nil || same {
			c.failf("record %q: waits for the peer, and there is nothing to wait for", r.Path)
		}
	case index.Left:
		if same {
			c.failf("record %q: is left alone, and both sides agree", r.Path)
		}
	}
	if same && !index.Same(r.Base, r.Ours) {
		c.failf("record %q: both sides agree, and the base is something else", r.Path)
	}
	if r.Base != nil && r.Ours == nil {
		c.failf("record %q: has a base, and nothing here", r.Path)
	}
}

// sets checks that the buckets that list paths list nothing else than records
// checked to be in them.
func (c *checker) sets() {
	for _, set := range []struct {
		bucket []byte
		want   int64
	}{
		{todoBucket, c.counted.Take}, {heldBucket, c.counted.Held},
	} {
		c.size(set.want, set.bucket)
	}
	c.size(c.content, contentBucket, recentBucket)
}

// journal checks that every event decodes: a path that leans on one that is
// not there any more would not.
func (c *checker) journal() {
	pos, prev := index.Seq(0), index.Root
	for k, v := range c.tx.ascend(journalBucket, nil) {
		at, ok := parsePos(k)
		if c.stop {
			return
		}
		if !ok || at == 0 {
			c.failf("journal: has key %x after position %d", k, pos)
			return
		}
		if groupOf(at) != groupOf(max(pos, 1)) {
			prev = index.Root
		}
		c.counted.Events++
		c.counted.EventBytes += int64(len(k) + len(v))
		pos = at
		s, err := index.UnmarshalEvent(pos, v, prev)
		if err == nil {
			_, err = c.tx.fillEvent(s)
			prev = s.Path
			c.checkMentions(&s.Event)
		}
		c.fail(err)
	}
	c.size(c.mentions, mentionBucket)
}

func (c *checker) notes() {
	intents, err := c.tx.Intents()
	c.fail(err)
	c.counted.Intents = int64(len(intents))
	_, err = c.tx.PeerIgnores()
	c.fail(err)
	for k, err := range c.tx.AllKept() {
		if err != nil {
			c.fail(err)
			continue
		}
		c.counted.addKept(&k, 1)
		if c.tx.bucket(keptPathBucket).Get(pathKey(k.Path, k.ID)) == nil {
			c.failf("kept version %d: cannot be found by its path", k.ID)
		}
		if !hashed(&k) {
			continue
		}
		c.hashed++
		if c.tx.bucket(keptHashBucket).Get(keptHashKey(&k, k.ID)) == nil {
			c.failf("kept version %d: cannot be found by its content", k.ID)
		}
	}
	c.size(c.hashed, keptHashBucket)
	c.size(c.counted.Kept, keptPathBucket)
}

// size checks that a bucket has so many keys.
func (c *checker) size(want int64, buckets ...[]byte) {
	var n int64
	for _, bucket := range buckets {
		for range c.tx.ascend(bucket, nil) {
			n++
		}
	}
	if n != want {
		c.failf("bucket %s: has %d keys, and should have %d", bytes.Join(buckets, []byte(" and ")), n, want)
	}
}

func (c *checker) conflicts() {
	var disputes int64
	last := c.tx.bucket(keptBucket).Sequence()
	for conflict, err := range c.tx.Conflicts() {
		if err != nil {
			c.fail(err)
			continue
		}
		if !conflict.Closed {
			c.counted.Conflicts++
		}
		c.dispute(&conflict)
		disputes++
		if conflict.Kept > last {
			c.failf("conflict %d: its loser is kept version %d, and there were %d", conflict.ID, conflict.Kept, last)
			continue
		}
		k, err := c.tx.GetKept(conflict.Kept) // nil once it has expired
		if err == nil && k != nil && k.Path != conflict.Path {
			err = fmt.Errorf("conflict %d: is of %q, and its loser, kept version %d, of %q", conflict.ID, conflict.Path, k.ID, k.Path)
		}
		c.fail(err)
	}
	c.size(disputes, disputeBucket)
}

// dispute checks that a conflict can be found by its path, and that it is open
// unless a person has settled it.
func (c *checker) dispute(conflict *index.Conflict) {
	if c.tx.bucket(disputeBucket).Get(pathKey(conflict.Path, conflict.ID)) == nil {
		c.failf("conflict %d: cannot be found by its path", conflict.ID)
	}
	r, err := c.tx.Get(conflict.Path)
	if err != nil || r == nil || r.Ours == nil || r.Ours.Settled == nil || conflict.Loser == nil {
		return // the record is reported elsewhere, or says nothing of it
	}
	if settled := r.Ours.Settled.Covers(conflict.Loser.Version); settled != conflict.Closed {
		c.failf("conflict %d of %q: closed is %v, and its path says %v", conflict.ID, conflict.Path, conflict.Closed, settled)
	}
}

// rulings checks that each order that is remembered has as many paths as it
// says, and that none is without its order.
func (c *checker) rulings() {
	paths := make(map[uint64]uint64)
	for r, err := range c.tx.Rulings() {
		c.fail(err)
		paths[r.ID] = r.Paths
	}
	for id, want := range paths {
		var n uint64
		for _, err := range c.tx.RuledBy(id, index.Root) {
			c.fail(err)
			n++
			c.ruled++
		}
		if n != want {
			c.failf("ruling %d: has %d paths, and should have %d", id, n, want)
		}
	}
	c.size(c.ruled, ruledBucket)
}

func (c *checker) counts() {
	counts, err := c.tx.Counts()
	if err == nil && counts != c.counted {
		err = fmt.Errorf("counts: %s", counts.unlike(c.counted))
	}
	c.fail(err)
}

// heldFiles checks that what lies in the holding area is what the index says:
// each name there belongs to a kept version, or to an intent that is under way,
// and no kept version is missing.
func (c *checker) heldFiles(names iter.Seq[string]) {
	missing := make(map[string]uint64)
	for k, err := range c.tx.AllKept() {
		if err == nil && k.Held != "" {
			if other, ok := missing[k.Held]; ok {
				c.failf("kept versions %d and %d: both are %q", other, k.ID, k.Held)
			}
			missing[k.Held] = k.ID
		}
	}
	underWay := make(map[string]bool)
	if intents, err := c.tx.Intents(); err == nil {
		for _, i := range intents {
			underWay[i.Held] = true
		}
	}
	for name := range names {
		if _, ok := missing[name]; !ok && !underWay[name] {
			c.fail(errors.New("held file " + index.Quote(name) + ": no kept version and no intent explains it"))
		}
		delete(missing, name)
	}
	for name, id := range missing {
		c.failf("kept version %d: its file %s is missing", id, index.Quote(name))
	}
}

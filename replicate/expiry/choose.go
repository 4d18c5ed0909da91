package expiry

import (
	"fmt"
	"iter"
	"time"

	"duet/store"
	"duet/store/index"
)

// Bounds of one choice, so that a step is short whatever is kept.
const (
	// ahead is how many versions are looked at behind the last one that is
	// too old: numbers go up with time, but for clocks that were set back.
	ahead = 1000
	// counted is how many versions a choice looks at to find paths with too
	// many of them.
	counted = 5000
)

// Doomed is a kept version that has had its time.
type Doomed struct {
	Kept index.Kept
	Why  string
	// Conflicts are those that the version lost. They go with it.
	Conflicts []uint64

	ino uint64 // of its file; 0: there is none
}

// disk is what the filesystem says of itself.
type disk struct{ free, capacity int64 }

// chooser makes one choice, within one read transaction.
type chooser struct {
	tx    *store.Tx
	lim   Limits
	match func(*index.Kept) bool
	now   time.Time
	disk  disk
	bound int

	list  []Doomed
	taken map[uint64]bool
	bytes int64               // of list
	lost  map[uint64][]uint64 // kept version to the open conflicts that it lost
	old   map[uint64][]uint64 // and to those that a person has settled, which do not hold it
	from  uint64              // Versions: up to here all were counted before
	stale []uint64            // conflicts that go by themselves
	short string              // why there is too little space all the same
	err   error
}

// choose fills list, the oldest first for each rule: by age, then those of
// which a path has too many, then for their size, then for the filesystem.
func (c *chooser) choose() error {
	c.taken = map[uint64]bool{}
	c.lost, c.old = map[uint64][]uint64{}, map[uint64][]uint64{}
	for x, err := range c.tx.Conflicts() {
		if err != nil {
			return err
		}
		switch {
		case x.Kept != 0 && x.Closed:
			c.old[x.Kept] = append(c.old[x.Kept], x.ID)
		case x.Kept != 0:
			c.lost[x.Kept] = append(c.lost[x.Kept], x.ID)
		}
		if err := c.outlived(&x); err != nil {
			return err
		}
	}
	for _, rule := range []func(){c.byAge, c.byVersions, c.bySize, c.byFree} {
		if rule(); c.err != nil || c.full() {
			break
		}
	}
	return c.err
}

// outlived takes note of a settled conflict whose loser is not here, once it is
// as old as a kept version can become.
func (c *chooser) outlived(x *index.Conflict) error {
	old := c.lim.Age > 0 && c.now.Sub(time.Unix(0, x.Time)) > c.lim.Age
	if !old || x.Winner == nil || c.match != nil || len(c.stale) == c.bound {
		return nil
	}
	k, err := c.tx.GetKept(x.Kept)
	if err == nil && k == nil {
		c.stale = append(c.stale, x.ID)
	}
	return err
}

func (c *chooser) full() bool { return len(c.list) >= c.bound }

func (c *chooser) take(k index.Kept, why string) {
	c.taken[k.ID] = true
	c.list = append(c.list, Doomed{Kept: k, Why: why, Conflicts: append(c.lost[k.ID], c.old[k.ID]...)})
	c.bytes += size(&k)
}

// Size is how many bytes go with it.
func (d *Doomed) Size() int64 { return size(&d.Kept) }

func size(k *index.Kept) int64 {
	if k.Entry == nil || k.Held == "" {
		return 0
	}
	return k.Entry.Size
}

// kept yields what may be chosen, oldest first, until the list is full.
func (c *chooser) kept(from uint64) iter.Seq[index.Kept] {
	return func(yield func(index.Kept) bool) {
		for k, err := range c.tx.KeptFrom(from) {
			if err != nil {
				c.err = err
				return
			}
			if c.taken[k.ID] || c.match != nil && !c.match(&k) {
				continue
			}
			if c.full() || !yield(k) {
				return
			}
		}
	}
}

// byAge is the only rule that also takes what lost a conflict: the other ones
// work by chance, and a person may still want to decide.
func (c *chooser) byAge() {
	if c.lim.Age <= 0 {
		return
	}
	young := 0
	for k := range c.kept(0) {
		if age := c.now.Sub(time.Unix(0, k.Time)); age > c.lim.Age {
			c.take(k, "older than "+AgeText(c.lim.Age))
			young = 0
		} else if young++; young == ahead && c.match == nil {
			return
		}
	}
}

// byVersions counts the versions of the paths that got one since it was last
// here.
func (c *chooser) byVersions() {
	if c.lim.Versions <= 0 {
		return
	}
	why := fmt.Sprintf("more than %d versions of this path", c.lim.Versions)
	seen := 0
	done := map[index.Path]bool{}
	for k := range c.kept(c.from + 1) {
		if seen++; seen > counted && c.match == nil {
			return
		}
		if !done[k.Path] {
			done[k.Path] = true
			c.ofPath(k.Path, why)
		}
		if c.err != nil || c.full() {
			return // its path is counted again
		}
		c.from = k.ID
	}
}

func (c *chooser) ofPath(p index.Path, why string) {
	var ids []uint64
	for id := range c.tx.KeptOf(p) {
		if !c.taken[id] {
			ids = append(ids, id)
		}
	}
	for len(ids) > c.lim.Versions && !c.full() {
		id := ids[0]
		ids = ids[1:]
		if c.lost[id] != nil {
			continue
		}
		k, err := c.tx.GetKept(id)
		if err != nil || k == nil {
			c.err = err
			return
		}
		if c.match == nil || c.match(k) {
			c.take(*k, why)
		}
	}
}

func (c *chooser) bySize() {
	limit := c.lim.Size.Of(c.disk.capacity)
	if limit <= 0 {
		return
	}
	counts, err := c.tx.Counts()
	if err != nil {
		c.err = err
		return
	}
	c.relieve(counts.KeptBytes-c.bytes-limit, "all together more than "+c.lim.Size.String())
}

func (c *chooser) byFree() {
	floor := c.lim.MinFree.Of(c.disk.capacity)
	need := floor - c.disk.free - c.bytes
	if floor <= 0 || need <= 0 {
		return
	}
	c.relieve(need, "less than "+c.lim.MinFree.String()+" of the filesystem free")
	if c.bytes == 0 {
		c.short = fmt.Sprintf("%d bytes are free, less than min_free (%v), and no kept version is left to prune", c.disk.free, c.lim.MinFree)
	}
}

// relieve takes the oldest versions until so many bytes are gone. What has no
// bytes goes along only on the way to something that has.
func (c *chooser) relieve(need int64, why string) {
	if need <= 0 {
		return
	}
	var along []index.Kept
	for k := range c.kept(0) {
		if c.lost[k.ID] != nil {
			continue
		}
		along = append(along, k)
		n := size(&k)
		if n == 0 && len(c.list)+len(along) < c.bound {
			continue
		}
		for _, k := range along {
			c.take(k, why)
		}
		along = along[:0]
		if need -= n; need <= 0 {
			return
		}
	}
}

// Package verify looks whether a node's tree is what its index says.
//
// It looks at two things. First at what lstat says of every path: where that
// is not what the index recorded, and nobody is about to look, a change was
// missed. Then, if asked to, at the contents: it reads every file again, from
// the disk and at a bounded rate, and compares hashes. A file whose content is
// another although its inode, size and times are not was not edited: its disk,
// its controller or its memory changed it, or somebody who took care to leave
// no trace.
//
// Nothing is changed here, neither tree nor index: the damage must not be taken
// for an edit, which would carry it to the other node.
package verify

import (
	"context"
	"maps"
	"time"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// Options are what Run needs. All but Under, Content, Rate, InHand and Progress
// must be set.
type Options struct {
	Files  vfs.Files
	Facts  scan.Facts
	Lookup scan.Lookup
	Get    func(index.Path) (*index.Record, error)

	Under   index.Path // this path and what is below it; Root: everything
	Content bool       // read every file, too
	After   index.Path // but only those behind this path: the others have been read, and counted in Sum
	Sum     Totals     // what was counted up to there
	Rate    int64      // bytes a second of that; 0: as fast as it goes

	// Grace is how long whoever watches the tree has to notice what was found
	// changed. InHand reports whether somebody is about to look at a path.
	Grace  time.Duration
	InHand func(index.Path) bool

	// Emit gets what is found, one after another; it may take its time.
	Emit     func(Finding) error
	Progress func(Totals) // called now and then
}

// What is wrong with a path.
type What string

// The things that can be wrong.
const (
	Missed     What = "missed"     // it changed, and nobody noticed; it will be taken for the edit that it is
	Corrupt    What = "corrupt"    // other content, and nothing else changed
	Unreadable What = "unreadable" // the disk does not give it back
	Failed     What = "failed"     // it could not be looked at
)

// Finding is one path that is not as the index says.
type Finding struct {
	What   What
	Path   index.Path
	Detail string
	Record *index.Record // as it was when that was found; nil if there is none
	Hash   index.Hash    // Corrupt, of a file: of what is there
}

// Damaged reports whether the content is no good, although the index is.
func (f *Finding) Damaged() bool { return f.What == Corrupt || f.What == Unreadable }

// Totals counts what was looked at so far.
type Totals struct {
	Paths int64 // looked at
	Files int64 // read
	Bytes int64 // read
	Busy  int64 // files in use, of which nothing can be said
	Found map[What]int64

	At index.Path // contents were read up to here
}

// Run looks at a tree. It ends early only when ctx does, or when the index or
// the root cannot be read.
func Run(ctx context.Context, o Options) (Totals, error) {
	r := &run{ctx: ctx, o: &o, pace: pace{rate: o.Rate}}
	r.sum = o.Sum
	r.sum.Found, r.sum.At, r.sum.Paths = maps.Clone(o.Sum.Found), o.After, 0
	if r.sum.Found == nil {
		r.sum.Found = map[What]int64{}
	}
	err := r.stats()
	if err == nil && o.Content {
		err = r.contents()
	}
	r.progress(true)
	return r.sum, err
}

type run struct {
	ctx      context.Context
	o        *Options
	sum      Totals
	pace     pace
	said     time.Time // when Progress was last called
	suspects []suspect
	buf      []byte
	hash     *scan.Hasher
}

func (r *run) found(f Finding) error {
	r.sum.Found[f.What]++
	return r.o.Emit(f)
}

// progressEvery is how often Progress is called at most.
const progressEvery = 200 * time.Millisecond

func (r *run) progress(now bool) {
	if r.o.Progress == nil || !now && time.Since(r.said) < progressEvery {
		return
	}
	r.said = time.Now()
	sum := r.sum
	sum.Found = make(map[What]int64, len(r.sum.Found))
	for w, n := range r.sum.Found {
		sum.Found[w] = n
	}
	r.o.Progress(sum)
}

// pace keeps reading to a rate. What was not used is not saved up.
type pace struct {
	rate int64 // bytes a second; 0: any
	next time.Time
}

// wait is called before n bytes are read.
func (p *pace) wait(ctx context.Context, n int64) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	d := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

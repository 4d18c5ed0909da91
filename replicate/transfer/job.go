package transfer

import (
	"errors"
	"fmt"
	"io"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// job is one content that is being fetched, for whoever wants it.
type job struct {
	path index.Path
	hash index.Hash
	size int64
	room int64 // of Want.Room
	like []Like
	over chan struct{} // closed when nothing happens to its files any more

	// Guarded by Fetcher.mu.
	state   state
	waiters []waiter
	next    []*job // of the same hash, queued when this one is over
	flow    *flow  // while asked
	stop    func() // while assembling

	// Owned by the lane, then by its flow, then by finish.
	id    uint64
	left  int64 // bytes outstanding; changed with Fetcher.mu held
	got   int64 // bytes in the draft
	draft vfs.Draft
	sum   *scan.Hasher
	err   error    // why the rest is only skipped
	mixed bool     // some of it is not from the peer
	at    vfs.Held // where it is made, if that is not its part; changed with Fetcher.mu held

	owner chan<- Result // guarded by Fetcher.mu: who wants it there
}

// state is where a job is. They follow each other in this order, and a job may
// end at any time; one that was asked for may be queued again.
type state uint8

const (
	queued state = iota
	preparing
	asked
	assembling
	finishing
	over
)

// waiter is one that wants a job's content. results has room for the answer.
type waiter struct {
	want    Want
	results chan<- Result
}

func newJob(w Want) *job {
	return &job{path: w.Path, hash: w.Hash, size: w.Size, room: w.Room, like: w.Like, over: make(chan struct{})}
}

// part is where an unfinished content is kept for the next time.
func (j *job) part() vfs.Held { return vfs.Held{Area: vfs.Stage, Name: PartName(j.hash)} }

// held is where it is made.
func (j *job) held() vfs.Held {
	if j.at.Name != "" {
		return j.at
	}
	return j.part()
}

// whole has a content that comes in one piece made under the name that it is to
// have: it is never resumed, and need not be renamed. (mu is held.)
func (j *job) whole() {
	if j.draft == nil && j.owner == nil && len(j.waiters) > 0 && j.waiters[0].want.Staged != "" {
		j.at, j.owner = j.waiters[0].want.staged(j), j.waiters[0].results
	}
}

// reset makes a job ready to be begun again.
func (j *job) reset() {
	j.id, j.left, j.got, j.draft, j.sum, j.err, j.mixed = 0, 0, 0, nil, nil, nil, false
	j.at, j.owner = vfs.Held{}, nil
}

// close leaves the draft for the next time.
func (j *job) close() error {
	if j.draft == nil {
		return nil
	}
	err := j.draft.Close()
	j.draft = nil
	return err
}

// prepare finds out what is here already of a job's content. It returns false
// if nothing has to be asked for.
func (l *lane) prepare(j *job) bool {
	files := l.f.opt.Files
	if j.size > 0 && j.size <= smallFile {
		return true // begun anew with the first piece
	}
	err := j.resume(files, l.unwanted)
	if err != nil {
		l.drop(j, err)
		return false
	}
	l.f.mu.Lock()
	l.settle(j, j.got)
	complete := j.left == 0
	if complete {
		j.state = finishing
	}
	l.f.mu.Unlock()
	if !complete {
		return true
	}
	if err := j.verify(files); err != nil { // only of an empty file
		l.drop(j, err)
		return false
	}
	l.f.finish(j)
	return false
}

// unwanted returns an error if there is no point in going on with j.
func (l *lane) unwanted(j *job) error {
	if l.f.ctx.Err() != nil {
		return errFetcherClosed
	}
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if len(j.waiters) == 0 {
		return errUnwanted
	}
	return nil
}

// resume opens the partial file and hashes what it holds. One that cannot be
// a part of this content is begun anew.
func (j *job) resume(files vfs.Files, unwanted func(*job) error) (err error) {
	if j.draft, err = files.Append(j.held()); err != nil {
		return err
	}
	j.sum, j.got = scan.HasherFor(j.size), j.draft.Size()
	if j.got > 0 && j.got <= j.size {
		if err := j.rehash(files, unwanted); err != nil {
			return err
		}
	}
	if j.got > j.size || j.size > 0 && j.got == j.size && j.sum.Sum() != j.hash {
		j.sum.Reset()
		j.got = 0
		return j.draft.Truncate(0)
	}
	return nil
}

// rehash reads the first j.got bytes back from the disk.
func (j *job) rehash(files vfs.Files, unwanted func(*job) error) (err error) {
	c, err := files.OpenHeld(j.held())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	block := make([]byte, 1<<20)
	for at, data := int64(0), int64(0); at < j.got; {
		if err := unwanted(j); err != nil {
			return err
		}
		if at >= data {
			from, end, err := c.Data(at)
			if err != nil {
				return err
			}
			if hole := min(from, j.got, at+maxRehash) - at; hole > 0 {
				j.sum.Zeros(hole)
				at += hole
				continue
			}
			data = max(end, at+1)
		}
		n, err := c.ReadAt(block[:min(int64(len(block)), j.got-at, data-at)], at)
		if n == 0 {
			return fmt.Errorf("read back what was fetched before: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		j.sum.Write(block[:n])
		at += int64(n)
	}
	return nil
}

// maxRehash is how much of a hole is hashed between two looks at who wants it.
const maxRehash = 1 << 30

// write adds what has arrived.
func (j *job) write(files vfs.Files, data []byte) (err error) {
	if j.draft == nil {
		if j.draft, err = files.Create(j.held()); err != nil {
			return err
		}
		j.sum = scan.NewHasher()
	}
	j.sum.Write(data)
	n, err := j.draft.Write(data)
	j.got += int64(n)
	return err
}

// verify checks that all has arrived, and that it is what was announced. What
// is not is of no use to anybody: it is removed.
func (j *job) verify(files vfs.Files) (err error) {
	switch {
	case j.got != j.size:
		err = fmt.Errorf("the peer sent %d of %d bytes", j.got, j.size)
	case j.sum.Sum() != j.hash:
		err = errWrongHash
	default:
		return nil
	}
	return errors.Join(err, j.close(), files.RemoveHeld(j.held()))
}

var errWrongHash = errors.New("what arrived has another hash than the peer announced")

// finish makes a verified content durable and hands it to those that want it.
// It waits while too many others are being finished.
func (f *Fetcher) finish(j *job) {
	f.syncs <- struct{}{}
	f.wg.Go(func() {
		f.mu.Lock()
		waiters := j.waiters
		j.waiters = nil
		f.mu.Unlock()
		var results []Result
		if len(waiters) > 0 {
			results = j.hand(f.opt.Files, waiters)
		}
		j.close() // fails after Finish for no reason that matters; before it, nobody waits
		<-f.syncs
		for i, w := range waiters {
			w.results <- results[i]
		}
		f.mu.Lock()
		f.end(j)
		f.mu.Unlock()
	})
}

// hand finishes the file for the first that wants it, and copies it for the
// others.
func (j *job) hand(files vfs.Files, waiters []waiter) []Result {
	results := make([]Result, len(waiters))
	for i, w := range waiters {
		results[i] = Result{Want: w.want, Held: w.want.staged(j)}
	}
	first := &results[0]
	if first.Stamp, first.Err = first.Want.finish(j.draft); first.Err == nil {
		first.Err = j.close()
	}
	for i := 1; i < len(results); i++ {
		r := &results[i]
		if first.Err != nil {
			r.Err = first.Err
			continue
		}
		r.Stamp, r.Err = j.copyTo(files, r.Held, r.Want)
	}
	if first.Err == nil && first.Held != j.held() {
		if first.Err = files.RenameHeld(j.held(), first.Held); first.Err == nil {
			var info vfs.Info
			info, first.Err = files.LstatHeld(first.Held) // renaming changes ctime
			first.Stamp = info.Stamp
		}
	}
	return results
}

// finish sets the metadata of a complete file, and puts it on stable storage
// unless the caller does that.
func (w *Want) finish(d vfs.Draft) (index.Stamp, error) {
	if w.Late && w.Staged != "" {
		return d.Dress(w.Meta)
	}
	return d.Finish(w.Meta)
}

func (j *job) copyTo(files vfs.Files, to vfs.Held, w Want) (stamp index.Stamp, err error) {
	if to == j.held() {
		return stamp, errors.New("several wants of one content need names of their own")
	}
	if err := files.CopyHeld(j.held(), to); err != nil {
		return stamp, err
	}
	d, err := files.Append(to)
	if err != nil {
		return stamp, err
	}
	stamp, err = w.finish(d)
	return stamp, errors.Join(err, d.Close())
}

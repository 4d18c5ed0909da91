package replicate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"duet/replicate/gauge"
	"duet/replicate/install"
	"duet/replicate/report"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan/vfs"
	"duet/store/index"
)

// rounds is how a share becomes what the peer has: it picks paths on which
// this node has to act, in walk order, fetches and stages what they need, and
// hands them to the writer lane. When nothing else is left come the removals,
// last and bottom-up.
type rounds struct {
	cursor   index.Path           // the walk through what is to do goes on behind here
	later    bool                 // the walk passed links, which come after contents
	kick     bool                 // something may have become possible since the walk began
	flying   map[index.Path]bool  // paths in a batch
	fetching map[index.Hash]bool  // contents in a batch
	batches  int                  // staging or ready
	big      int                  // of those, the ones of a big file
	small    map[index.Path]small // contents that came along, at most maxSmall bytes
	bytes    int64
	order    []index.Path // of small, oldest first
	serial   uint64       // for names in the stage

	open map[index.Path]bool // directories to shut when all is done, see shut.go

	approved index.Seq    // deletes heard up to here are approved
	deleted  gauge.Minute // removals done lately
	waiting  *report.Waiting
	told     string    // id of the last waiting that was journalled
	shown    index.Seq // of waiting: the last of the removals was heard at this position
	seen     int64     // removals that waited when last counted
	quiet    time.Time // removals wait until then, for more to be heard
	noisy    time.Time // since when they have been growing

	done  int64 // paths of the work since the last time in sync
	began time.Time
}

// maxSmall bounds the contents that came along and wait to be staged, with
// their paths and what it takes to remember them.
const (
	maxSmall  = 32 << 20
	smallCost = 256
)

type small struct {
	hash    index.Hash
	content []byte
}

// batch is paths on their way together.
type batch struct {
	jobs     []install.Job
	settle   []index.Path // nothing changes in the tree, see writing.settle
	wants    []transfer.Want
	copies   []copying
	small    map[index.Path][]byte   // contents that are here, by path
	metas    map[index.Path]vfs.Meta // for small
	bytes    int64
	big      bool
	remove   bool
	approved map[index.Path]bool  // removals that a person approved
	vacated  map[index.Path]int64 // directories that give way to a file, and how much goes with each
	failed   map[index.Path]error
	sources  map[index.Path]index.Path // of copies: where the content was thought to be
	files    vfs.Files
}

// copying is a job whose content is somewhere here already.
type copying struct {
	job  int // in batch.jobs
	from install.Source
	meta vfs.Meta
}

func (r *rounds) reset() {
	*r = rounds{
		kick: true, flying: map[index.Path]bool{}, fetching: map[index.Hash]bool{}, small: map[index.Path]small{},
		open: map[index.Path]bool{}, approved: r.approved, deleted: r.deleted, told: r.told,
	}
}

// parted forgets what only the session could bring.
func (r *rounds) parted() {
	r.waiting, r.seen, r.quiet, r.noisy = nil, 0, time.Time{}, time.Time{}
	r.kick = true
}

// remember keeps contents that came along with changes until they are staged.
// What does not fit is fetched later.
func (r *rounds) remember(m *wire.Changes) {
	for i := range m.Changes {
		c := &m.Changes[i]
		if len(c.Content) == 0 {
			continue
		}
		r.forget(c.Path)
		r.small[c.Path] = small{c.Entry.Hash, c.Content}
		r.order = append(r.order, c.Path)
		r.bytes += smallBytes(c.Path, c.Content)
		c.Content = nil
	}
	for r.bytes > maxSmall && len(r.order) > 0 {
		p := r.order[0]
		r.order = r.order[1:]
		r.forget(p)
	}
	if len(r.order) > 2*len(r.small)+64 {
		r.order = slices.DeleteFunc(r.order, func(p index.Path) bool { _, ok := r.small[p]; return !ok })
	}
}

func smallBytes(p index.Path, content []byte) int64 {
	return int64(len(p) + len(content) + smallCost)
}

func (r *rounds) forget(p index.Path) {
	if s, ok := r.small[p]; ok {
		r.bytes -= smallBytes(p, s.content)
		delete(r.small, p)
	}
}

// mayAct reports whether this node may change its tree now.
func (l *loop) mayAct() bool {
	return l.root.ctx != nil && l.root.ready && l.talk.greeted && !l.talk.held && !l.published.paused
}

// choose starts batches while there is something to do and room to do it.
func (l *loop) choose(now time.Time) {
	r := &l.rounds
	if !r.quiet.IsZero() && !now.Before(r.quiet) {
		r.quiet, r.kick = time.Time{}, true
	}
	if l.retry(now) {
		r.kick = true
	}
	for l.mayAct() && r.kick && r.batches < maxBatches {
		b, end, err := l.pick(now)
		if err != nil {
			l.indexFailed("look for what is to do", err)
			return
		}
		if end {
			r.cursor = index.Root
			r.kick = false
		}
		if b == nil && end && r.batches == 0 {
			if b, err = l.pickRemovals(now); err != nil {
				l.indexFailed("look for what is to be deleted", err)
				return
			}
		}
		if b == nil {
			if end && r.batches == 0 {
				l.shutAll()
			}
			continue
		}
		l.launch(b)
	}
}

// retry reports whether the back-off of an install is over, and forgets those
// that have become pointless.
func (l *loop) retry(now time.Time) bool {
	due := l.trouble.DueInstalls(now)
	if len(due) == 0 || !l.mayAct() {
		return false
	}
	again := false
	for _, p := range due {
		r, err := l.s.book.Get(p)
		if err == nil && (r == nil || r.Next != index.Take) {
			l.trouble.Clear(p)
			continue
		}
		again = true
	}
	return again
}

// launch stages a batch and then queues it for the writer lane.
func (l *loop) launch(b *batch) {
	r := &l.rounds
	r.batches++
	if b.big {
		r.big++
	}
	if r.began.IsZero() {
		r.began = time.Now()
	}
	b.files = l.root.files
	for i := range b.jobs {
		j := &b.jobs[i]
		r.flying[j.Path] = true
		if j.From != "" {
			r.flying[j.From] = true
		}
		r.forget(j.Path)
	}
	for _, p := range b.settle {
		r.flying[p] = true
	}
	for _, w := range b.wants {
		r.fetching[w.Hash] = true
	}
	if len(b.wants) == 0 && len(b.copies) == 0 && len(b.small) == 0 {
		l.lane.ready = append(l.lane.ready, b)
		return
	}
	ctx, fetcher := l.talk.sess.Ctx, l.talk.sess.Fetch
	l.start(func() func() {
		b.stage(ctx, fetcher)
		return func() { l.lane.ready = append(l.lane.ready, b) }
	})
}

// installJob is the writer lane's part of a batch.
func (l *loop) installJob() func() func() {
	b := l.lane.ready[0]
	l.lane.ready = l.lane.ready[1:]
	s := l.s
	env := s.installEnv()
	ctx, hold := l.ctx, l.talk.held
	gone := l.root.ctx == nil
	return func() func() {
		if gone {
			return func() { l.landed(b, nil, nil) }
		}
		if err := s.rootGone(b.files); err != nil {
			return func() {
				l.landed(b, nil, nil)
				l.haltFor(err)
			}
		}
		if err := s.book.Settle(b.settle, hold); err != nil {
			return func() { l.landed(b, nil, err) }
		}
		jobs := b.staged()
		open, err := s.openFor(b.files, jobs)
		if err != nil {
			return func() { l.landed(b, nil, err) }
		}
		out, err := install.Batch(ctx, s.st, b.files, env, jobs)
		if err == nil {
			unstage(b.files, jobs, out)
		}
		return func() {
			for _, p := range open {
				l.rounds.open[p] = true
			}
			l.landed(b, out, err)
		}
	}
}

// landed takes note of what became of a batch.
func (l *loop) landed(b *batch, out []install.Outcome, err error) {
	r := &l.rounds
	now := time.Now()
	r.batches--
	if b.big {
		r.big--
	}
	for i := range b.jobs {
		delete(r.flying, b.jobs[i].Path)
		delete(r.flying, b.jobs[i].From)
	}
	for _, p := range b.settle {
		delete(r.flying, p)
	}
	for _, w := range b.wants {
		delete(r.fetching, w.Hash)
	}
	r.kick = true
	if l.stopping {
		return // what is not settled, the replay at the next start settles
	}
	if err != nil {
		// What is not settled now, a replay settles when the root is opened again.
		l.haltFor(fmt.Errorf("install: %w", err))
		return
	}
	for p, err := range b.failed {
		if errors.Is(err, install.ErrContent) {
			l.notice.dirty.Mark(b.sources[p], false, now)
		}
		if !errors.Is(err, errParted) {
			l.trouble.Fail(p, err, now)
		}
	}
	for i := range out {
		l.outcome(b, &out[i], now)
	}
	if n := len(out) + len(b.settle); n > 0 {
		l.talk.wake()
	}
}

// entry is what the batch made of one of its paths.
func (b *batch) entry(p index.Path) *index.Entry {
	i := slices.IndexFunc(b.jobs, func(j install.Job) bool { return j.Path == p })
	return b.jobs[i].Entry
}

// outcome takes note of what became of one path.
func (l *loop) outcome(b *batch, o *install.Outcome, now time.Time) {
	switch {
	case o.Done:
		l.trouble.Clear(o.Path)
		if unprivileged {
			if e := b.entry(o.Path); e.Kind == index.Dir && e.Mode&ownerBits != ownerBits {
				l.rounds.open[o.Path] = true
			}
		}
		l.rounds.done++
		if b.remove && !b.approved[o.Path] {
			l.rounds.deleted.Add(1, now)
		}
		if n := b.vacated[o.Path]; n > 0 {
			l.rounds.deleted.Add(n, now)
		}
		if l.s.cfg.Verbose {
			l.log.Info("installed", "path", o.Path.String(), "from", o.From.String(), "kept", o.Kept)
		}
	case o.Busy:
		l.trouble.Fail(o.Path, errBusy, now)
	case o.Err != nil:
		l.trouble.Fail(o.Path, o.Err, now)
		l.stuck(o, now)
	case o.Raced:
		// Nothing can be done before somebody has looked at it: without a wait,
		// each try would put off that look again.
		l.trouble.Fail(o.Path, errRaced, now)
	}
	if o.Raced || o.Busy {
		l.notice.dirty.Mark(o.Path, true, now)
		if o.From != "" {
			l.notice.dirty.Mark(o.From, true, now)
		}
	}
}

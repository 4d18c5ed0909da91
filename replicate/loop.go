package replicate

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"duet/replicate/book"
	"duet/replicate/checkup"
	"duet/replicate/gauge"
	"duet/replicate/link"
	"duet/replicate/looks"
	"duet/replicate/orders"
	"duet/replicate/report"
	"duet/replicate/rounds"
	"duet/replicate/talk"
	"duet/replicate/tidy"
	"duet/replicate/trouble"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Bounds of what a share has in hand at once.
const (
	mailbox    = 256             // funcs waiting for the loop
	maxRecords = 4               // batches of findings not committed
	rootEvery  = 5 * time.Second // how often the root's identity is looked at
)

// loop is the state of a share. Only the goroutine in Share.Run touches it.
type loop struct {
	s    *Share
	log  *slog.Logger
	ctx  context.Context // of all that the share has begun
	end  context.CancelFunc
	peer Peer

	running  int // goroutines that will post when they end
	begun    int // so far
	stopping bool
	timer    *time.Timer

	root       root
	notice     notice
	lane       lane
	talk       conversation
	rounds     *rounds.Rounds
	trouble    trouble.Paths
	complaints complaints
	keeper     *tidy.Keeper
	open       map[index.Path]bool // directories to shut when all is done, see shut.go
	checkup    *checkup.Checkup
	orders     *orders.Orders

	waiters    []waiter
	stuckSince time.Time // for them; zero if the share is not
	lags       gauge.Lags
	published  published
	plans      plans
}

// root is the life of the share's directory: opened, watched, lost, found again.
type root struct {
	ctx       context.Context // ends when the root is lost; nil while it is closed
	cancel    context.CancelFunc
	files     vfs.Files
	watcher   scan.Watcher
	opening   bool
	ready     bool          // the first scan of this life is done
	fresh     bool          // it is not, and when it began the index was empty: it is the first of all
	scanned   chan struct{} // closed when ready
	halt      report.State  // why it is closed; "" if it is not
	final     bool          // only a restart ends the halt
	reason    string        // the same in words, and what to do
	emptied   bool          // waits for approval: a scan would find everything gone
	told      bool          // that it waits is journalled
	next      time.Time     // when to look again
	again     time.Time     // when to replay again what could not be settled; zero if all was
	unsettled int           // replays in a row that left something
	accept    bool          // a person accepts the directory that is there now
	acceptGap bool          // a person accepts that everything is gone
}

// post hands f to the loop. It waits while the mailbox is full, and drops f
// once the share has stopped. Never call it from the loop.
func (s *Share) post(f func()) {
	select {
	case s.mail <- f:
	case <-s.stopped:
	}
}

// start runs work elsewhere; what it returns runs in the loop when it is done.
func (l *loop) start(work func() func()) {
	l.running++
	l.begun++
	n := l.begun
	go func() {
		l.s.doors.Turn("work", n)
		then := work()
		l.s.post(func() {
			l.running--
			if then != nil {
				then()
			}
		})
	}()
}

// Run runs the share until ctx ends: it scans, watches, and talks to the peer
// over each connection that peer delivers. It returns when everything that it
// started has ended. The share cannot be run again.
func (s *Share) Run(ctx context.Context, peer Peer) error {
	defer close(s.stopped)
	// The loop ends what it has begun, in its order: a session that ended with ctx
	// would be gone before the peer has heard why.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	l := s.loop
	l.ctx, l.end, l.peer = life, cancel, peer
	unhook := context.AfterFunc(ctx, func() { s.post(l.stop) })
	defer unhook()
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump(life, peer, l)
	}()
	for !l.finished() {
		l.turn()
	}
	cancel()
	<-pumped
	l.timer.Stop()
	return l.close()
}

func newLoop(s *Share) *loop {
	l := &loop{s: s, log: s.log, ctx: context.Background(), plans: newPlans()}
	l.talk.mending.What, l.talk.ruling.What = talk.Misfits, talk.NewRules
	l.timer = time.AfterFunc(time.Hour, func() {
		s.doors.Turn("timer", 0)
		s.post(func() {})
	})
	l.notice.dirty = scan.NewDirtySet(s.cfg.Settle)
	l.notice.snaps = map[index.Path]index.Hash{}
	l.notice.looks = looks.New(l.notice.dirty)
	l.open = map[index.Path]bool{}
	l.checkup = checkup.New(l.checkupOptions())
	l.keeper = tidy.New(l.keeperOptions())
	l.orders = orders.New(l.ordersOptions())
	var leaves book.Leaves
	defer func() {
		l.rounds = rounds.New(l.roundsOptions(), leaves)
		l.recallRemovals()
	}()
	if s.st == nil {
		l.root.halt, l.root.reason, l.root.final = report.IndexError, s.broken.Error(), true
		return l
	}
	err := s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		l.published.paused = m.Paused
		l.talk.reserve = m.Reserve
		l.published.crash = crashed(tx, m)
		s.ended = endedBefore(m)
		leaves = book.LeavesIn(m)
		return err
	})
	if err != nil {
		l.root.halt, l.root.reason, l.root.final = report.IndexError, err.Error(), true
		return l
	}
	s.book.Reserve(l.talk.reserve)
	l.checkup.Recall()
	return l
}

// recallRemovals has the deletes that were done just before this process began
// count with those that come.
func (l *loop) recallRemovals() {
	if l.root.halt != "" {
		return
	}
	err := l.s.st.View(func(tx *store.Tx) error { return l.rounds.Recall(tx, l.s.now(), time.Now()) })
	if err != nil {
		l.root.halt, l.root.reason, l.root.final = report.IndexError, err.Error(), true
	}
}

// pump posts each connection as it comes.
func (s *Share) pump(ctx context.Context, peer Peer, l *loop) {
	for {
		select {
		case conn, ok := <-peer.Conns():
			if !ok {
				return
			}
			s.post(func() { l.connected(conn) })
		case <-ctx.Done():
			return
		}
	}
}

// turn is one turn of the loop: make what progress can be made, then wait. A
// broken invariant of our own halts the share and leaves the others running.
func (l *loop) turn() {
	defer func() {
		if r := recover(); r != nil {
			l.log.Error("internal error", "panic", r, "stack", string(debug.Stack()))
			l.root.final = true
			l.halt(report.Failed, fmt.Sprintf("internal error: %v; please report it, then restart duet", r))
		}
	}()
	l.advance(time.Now())
	f := <-l.s.mail
	l.s.doors.Turn("loop", 0)
	more := min(len(l.s.mail), mailbox) // and not what these bring about: advance comes first
	f()
	for range more {
		(<-l.s.mail)()
	}
}

// advance starts whatever can be started now. Nothing else starts anything.
func (l *loop) advance(now time.Time) {
	if !l.stopping {
		l.openRoot(now)
		l.checkRoot(now)
		l.scan(now)
		l.examine(now)
		l.greet()
		l.choose(now)
		l.keeper.Keep(now)
		l.noteTogether(now)
		l.checkup.ByRule(now)
		l.tellWhole(now)
	}
	l.write(now)
	l.publish(now)
	l.arm(now)
}

// arm sets the one timer for the nearest thing that time alone brings.
func (l *loop) arm(now time.Time) {
	next := now.Add(time.Minute)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if !l.stopping {
		sooner(l.root.next)
		sooner(l.root.again)
		sooner(l.trouble.Next(now))
		sooner(l.rounds.Due())
		sooner(l.checkup.Due())
		sooner(l.wholeDue())
		if l.root.ready || l.root.fresh {
			sooner(l.notice.wake())
		}
		if l.root.ready {
			sooner(l.keeper.Due())
		}
	}
	sooner(l.published.due)
	d := next.Sub(now)
	if d <= 0 {
		// It is due, and advance could not do it: it waits for something that
		// will be posted. Look again all the same, at leisure.
		d = 100 * time.Millisecond
	}
	l.timer.Reset(d)
}

// stop begins an orderly end: what is under way is finished, nothing is begun.
func (l *loop) stop() {
	if l.stopping {
		return
	}
	l.stopping = true
	l.hangup(ending{index.EndedStopped, link.Stops, "duet was stopped on " + l.s.cfg.NodeName})
	l.end()
}

func (l *loop) finished() bool {
	return l.stopping && l.running == 0 && len(l.lane.asked) == 0 && len(l.lane.records) == 0
}

// close writes down that the stop was orderly and lets everything go.
func (l *loop) close() error {
	l.closeFiles()
	if l.s.st == nil {
		return nil
	}
	return l.s.book.Amend(func(m *store.Meta) { m.Clean = true })
}

// waiter is somebody who waits in Flush.
type waiter struct {
	done chan<- error
	ctx  context.Context
}

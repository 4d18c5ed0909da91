package talk

import (
	"errors"
	"io"
	"time"

	"duet/replicate/stock"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Feed tells the peer of every path whose journal position is greater than
// from, in journal order, and then goes on as the journal grows. It is the
// only writer of the control stream, so it also says what the loop has to say.
func (sess *Session) Feed(files vfs.Files, from index.Seq) error {
	scanning := sess.early // as the peer knows it
	read := &stock.Contents{Most: maxStock}
	for {
		if err := sess.saySome(); err != nil {
			return err
		}
		still := sess.scanning.Load() // before the journal is read: what is found later is not the scan's
		sess.takeIn(read)
		first, err := sess.hurry(files, read, from)
		if err != nil {
			return err
		}
		if first != nil {
			first.Scanning = scanning
			if err := sess.tell(first); err != nil {
				return err
			}
		}
		msg, err := sess.compose(files, read, from, scanning && !still)
		if err != nil {
			return err
		}
		if msg != nil {
			// With a message that is full the rest is still to be told.
			msg.Scanning = scanning && (still || msg.Through < msg.Head)
			scanning = msg.Scanning
			sess.told.Store(uint64(msg.Through))
			if err := sess.tell(msg); err != nil {
				return err
			}
			from = msg.Through
			if from < msg.Head {
				continue
			}
		}
		if err := sess.sayLast(from); err != nil {
			return err
		}
		var said wire.Msg
		select {
		case <-sess.wakeup:
		case <-sess.window.over():
		case said = <-sess.say:
		case <-sess.Ctx.Done():
		}
		sess.awake()
		if err := sess.Ctx.Err(); err != nil {
			return err
		}
		select {
		case <-sess.wakeup: // if both woke it: compose comes next anyway
		default:
		}
		if said != nil {
			if err := sess.utter(said); err != nil {
				return err
			}
		}
	}
}

// tell writes changes, compressed if the peer can read that.
func (sess *Session) tell(m *wire.Changes) error {
	sess.window.hastes(m)
	if sess.squeezes {
		return wire.WriteSqueezed(sess.stream, m)
	}
	return wire.WriteMsg(sess.stream, m)
}

// saySome says what waits to be said, without waiting for more.
func (sess *Session) saySome() error {
	for {
		select {
		case m := <-sess.say:
			if err := sess.utter(m); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// last is what is said once the journal is told up to there.
type last struct {
	after index.Seq
	msg   wire.Msg
}

// sayLast says what was to be said after what is told by now. What an acknowledgement
// has said of this node meanwhile the peer forgets when it goes on: it is said again.
func (sess *Session) sayLast(told index.Seq) error {
	for len(sess.last) > 0 && sess.last[0].after <= told {
		if err := wire.WriteMsg(sess.stream, sess.last[0].msg); err != nil {
			return err
		}
		if sess.last = sess.last[1:]; sess.ack != nil {
			if err := wire.WriteMsg(sess.stream, sess.ack); err != nil {
				return err
			}
		}
	}
	return nil
}

// utter says m now, or if that lets the peer go on, once it was told all that was done
// before: what a person has just settled here the peer would else decide itself.
func (sess *Session) utter(m wire.Msg) error {
	if a, ok := m.(*wire.Ack); ok {
		sess.ack = a
	}
	if c, ok := m.(*wire.Control); !ok || c.Kind != wire.Release {
		return wire.WriteMsg(sess.stream, m)
	}
	return sess.book.Store.View(func(tx *store.Tx) error {
		sess.last = append(sess.last, last{tx.Head(), m})
		sess.ahead.urgent = max(sess.ahead.urgent, tx.Head())
		return nil
	})
}

// compose makes the next message of changes after from; if there are none, nil,
// unless one is wanted anyway.
// Small contents go along when the peer will want them: after position live,
// that is for edits made since the session began, or always when it has
// nothing yet; and never more of them than it keeps until it gets to them, see
// window. What does not fit waits, as long as the window says.
func (sess *Session) compose(files vfs.Files, read *stock.Contents, from index.Seq, anyway bool) (*wire.Changes, error) {
	// While our first scan goes on, and the peer has something of its own, we do not hear
	// it to the end, and its acknowledgements come behind that.
	if index.Seq(sess.live.Load()) != Never && sess.window.deaf() {
		return nil, nil
	}
	next, err := sess.gather(from)
	if sess.window.waits(next.wait) {
		sess.Wake()
	}
	if err != nil || next.head <= from && !anyway || next.through == from && next.wait {
		return nil, err
	}
	through := next.through
	var pack wire.Packer
	var sent int64
	for i, c := range next.changes {
		if next.along[i] && c.Entry != nil {
			sess.fill(&c, files, read)
		}
		if !pack.Add(c) {
			through = next.changes[i-1].Pos
			break
		}
		if len(c.Content) > 0 {
			sent += cost(c.Path, int64(len(c.Content)))
		}
	}
	m := pack.Take(through, next.head, next.run)
	sess.window.told(through, len(m.Changes), sent)
	return m, nil
}

// fill puts the content of a small file into c. If it is not there any more, or takes
// more than bwlimit allows now, it is asked for.
func (sess *Session) fill(c *wire.Change, files vfs.Files, read *stock.Contents) {
	if !sess.Limit.Spend(int(c.Entry.Size)) {
		return
	}
	if c.Content, _ = read.Get(c.Path, c.Entry.Hash); c.Content == nil {
		c.Content = content(files, c.Path, c.Entry)
	}
	read.Drop(c.Path)
}

// gathered is changes, without their contents, that are to be told together.
type gathered struct {
	changes       []wire.Change
	along         []bool    // whose content goes along
	through, head index.Seq // these are all up to there; and of the journal
	run           uint64
	wait          bool // there is more, which waits for room
}

// gather reads the changes of the next message.
func (sess *Session) gather(from index.Seq) (next gathered, err error) {
	live := index.Seq(sess.live.Load())
	left := sess.window.room()
	err = sess.book.Store.View(func(tx *store.Tx) error {
		g := gathered{head: tx.Head(), through: tx.Head()}
		told := sess.window.tells(g.head, from, sess.ahead.urgent, time.Now())
		if sess.scanning.Load() && !sess.ahead.can {
			told = g.head // or else a save would wait for all that the scan has found meanwhile
		}
		var bytes int64
		full := false
		for r, err := range tx.Since(from) {
			if err != nil {
				return err
			}
			if full = len(g.changes) >= wire.MaxChanges || bytes > wire.MaxFrame/2; full {
				break
			}
			c := wire.Change{Pos: r.Pos}
			small := r.Pos > live && r.Next != index.Left && goesAlong(r.Ours)
			if r.Agreed() && r.Heard != 0 {
				c.Agreed, small = r.Heard, false
			} else {
				c.Path, c.Entry = r.Path, r.Ours
				if c.Noticed, err = tx.Sighting(r); err != nil {
					return err
				}
				// What was moved here the peer has, under the other name.
				small = small && c.Noticed.Other == index.Root
				if g.wait = small && left <= 0 && c.Pos > told && r.Ours.Size <= worthWaiting; g.wait {
					break
				}
				if small = small && left > 0; small {
					bytes += r.Ours.Size
					left -= cost(r.Path, r.Ours.Size)
				}
			}
			bytes += int64(len(c.Path)+len(c.Noticed.Other)) + 200
			g.changes, g.along = append(g.changes, c), append(g.along, small)
		}
		switch n := len(g.changes); {
		case n == 0 && g.wait:
			g.through = from
		case full || g.wait:
			g.through = g.changes[n-1].Pos
		}
		m, err := tx.Meta()
		g.run = index.RunAt(m.Runs, g.through)
		next = g
		return err
	})
	return next, err
}

// takeIn takes what has been read lately.
func (sess *Session) takeIn(read *stock.Contents) {
	for {
		select {
		case contents := <-sess.read:
			for _, c := range contents {
				read.Put(c)
			}
		default:
			return
		}
	}
}

// goesAlong reports whether e's content is small enough to be sent with it.
func goesAlong(e *index.Entry) bool {
	return e.Kind == index.File && e.Size > 0 && e.Size <= wire.MaxContent
}

// content reads a small file; nil if it is not, or not any more, what e says:
// then the peer asks for it, and hears why it cannot have it.
func content(files vfs.Files, p index.Path, e *index.Entry) []byte {
	f, err := files.Open(p)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, e.Size+1)
	n, err := io.ReadFull(f, b)
	if !errors.Is(err, io.ErrUnexpectedEOF) || int64(n) != e.Size || scan.SumBytes(b[:n]) != e.Hash {
		return nil
	}
	return b[:n]
}

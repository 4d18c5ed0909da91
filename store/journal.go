package store

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"duet/store/index"
)

// stride is how often an event has its whole path. The others leave out what
// they share with the one before; a scan notes paths in walk order, so that is
// most of them.
const stride = 16

// maxPending bounds the events that a transaction holds back.
const maxPending = 1024

// journal is what a transaction knows of the journal. The events that it notes
// are held back until it commits or looks at them, because their entries are
// left out if they are those of the records put with them.
type journal struct {
	known   bool // head is valid
	head    index.Seq
	pending []pendingEvent              // the last ones, up to head
	ahead   map[index.Seq]*index.Record // put before their event was noted
	last    index.Path                  // of the last event written by this transaction
	lastPos index.Seq
	met     index.StoredEvent // the last one that Since came by
}

type pendingEvent struct {
	index.Event
	inRecord bool
	pointed  bool // its path's record points at it
}

func journalKey(pos index.Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(pos)) }

// Head returns the last position of the journal, 0 if it is empty.
func (tx *Tx) Head() index.Seq {
	j := &tx.journal
	if !j.known {
		if k, _ := tx.bucket(journalBucket).Cursor().Last(); len(k) == 8 {
			j.head = index.Seq(binary.BigEndian.Uint64(k))
		}
		j.known = true
	}
	return j.head
}

// Note appends an event and returns its position, which is Head()+1 before.
// e.Pos is not looked at. A note that is too long is cut.
func (tx *Tx) Note(e index.Event) (index.Seq, error) {
	e.Pos = tx.Head() + 1
	if len(e.Note) > index.MaxNote {
		n := index.MaxNote
		for !utf8.RuneStart(e.Note[n]) && n > index.MaxNote-utf8.UTFMax {
			n--
		}
		e.Note = e.Note[:n]
	}
	if err := e.Check(); err != nil {
		return 0, fmt.Errorf("note: %w", err)
	}
	j := &tx.journal
	if len(j.pending) == maxPending {
		if err := tx.flushEvents(); err != nil {
			return 0, err
		}
	}
	p := pendingEvent{Event: e}
	if r := j.ahead[e.Pos]; r != nil {
		p.inRecord, p.pointed = carries(&e, r), e.Path == r.Path
		delete(j.ahead, e.Pos)
	}
	j.pending = append(j.pending, p)
	j.head = e.Pos
	return e.Pos, nil
}

// carries reports whether e's entry can be left to r.
func carries(e *index.Event, r *index.Record) bool {
	return e.Entry != nil && e.Path == r.Path && index.EqualEntries(e.Entry, r.Ours)
}

// moveOn is called before a record changes from old to r, which may be nil.
// Old's event keeps its entry, wherever that is now, and r's may leave it out.
func (tx *Tx) moveOn(old, r *index.Record) error {
	if old != nil && old.Ours != nil {
		away := r == nil || old.Pos != r.Pos
		if away || !index.EqualEntries(old.Ours, r.Ours) {
			if err := tx.leave(old, away); err != nil {
				return err
			}
		}
	}
	if r == nil || r.Ours == nil {
		return nil
	}
	if r.Pos > tx.Head() {
		if tx.journal.ahead == nil {
			tx.journal.ahead = make(map[index.Seq]*index.Record)
		}
		tx.journal.ahead[r.Pos] = &index.Record{Path: r.Path, Ours: r.Ours}
		return nil
	}
	if p := tx.pendingAt(r.Pos); p != nil {
		p.inRecord, p.pointed = carries(&p.Event, r), p.Path == r.Path
		return nil
	}
	if old != nil && old.Pos == r.Pos {
		return nil
	}
	return tx.unmention(r.Path, r.Pos)
}

// leave is called before a record is not any more what the event at its position
// says: that gets the entry that it had left out. If the record points at another
// one from here on, away, it is to be found by its path. That dirties one page of the
// journal more, but only when a path changes again, and those that change together
// mostly lie together.
func (tx *Tx) leave(old *index.Record, away bool) error {
	if p := tx.pendingAt(old.Pos); p != nil {
		p.inRecord, p.pointed = false, p.pointed && !away
		return nil
	}
	delete(tx.journal.ahead, old.Pos)
	raw := tx.bucket(journalBucket).Get(journalKey(old.Pos))
	if raw == nil {
		return nil // put ahead of its event, or lost, which Check tells
	}
	if away {
		if err := tx.mentionNew(old.Path, old.Pos); err != nil {
			return err
		}
	}
	whole, err := index.Detach(raw, old.Ours)
	if err != nil {
		return tx.damaged(fmt.Errorf("read event %d: %w", old.Pos, err))
	}
	if len(whole) == len(raw) {
		return nil
	}
	return tx.putEvent(old.Pos, whole, len(raw))
}

func (tx *Tx) pendingAt(pos index.Seq) *pendingEvent {
	j := &tx.journal
	if n := index.Seq(len(j.pending)); n > 0 && pos > j.head-n && pos <= j.head {
		return &j.pending[pos-(j.head-n)-1]
	}
	return nil
}

// flushEvents writes the events that were held back.
func (tx *Tx) flushEvents() error {
	j := &tx.journal
	for i := range j.pending {
		p := &j.pending[i]
		prev, err := tx.pathBefore(p.Pos)
		if err != nil {
			return err
		}
		raw, err := index.MarshalEvent(&p.Event, prev, p.inRecord)
		if err != nil {
			return fmt.Errorf("note: %w", err)
		}
		if err := tx.putEvent(p.Pos, raw, 0); err != nil {
			return err
		}
		if err := tx.mentionEvent(&p.Event, p.pointed); err != nil {
			return err
		}
		j.last, j.lastPos = p.Path, p.Pos
	}
	j.pending = j.pending[:0]
	return nil
}

// pathBefore returns the path that the event at pos may leave a part of to. The
// group that the journal ends in is never pruned: see PruneJournal.
func (tx *Tx) pathBefore(pos index.Seq) (index.Path, error) {
	if wholePath(pos) {
		return index.Root, nil
	}
	if tx.journal.lastPos == pos-1 {
		return tx.journal.last, nil
	}
	_, prev, err := tx.seekPath(pos)
	return prev, err
}

func wholePath(pos index.Seq) bool { return (pos-1)%stride == 0 }

// groupOf returns the first position of pos's group, in which paths lean on
// those before.
func groupOf(pos index.Seq) index.Seq { return pos - (pos-1)%stride }

func parsePos(k []byte) (index.Seq, bool) {
	if len(k) != 8 {
		return 0, false
	}
	return index.Seq(binary.BigEndian.Uint64(k)), true
}

// seekPath reads the paths of pos's group: that of the event at pos, and that
// of the last one before it, Root if there is none. found is false if there is
// no event at pos.
func (tx *Tx) seekPath(pos index.Seq) (found bool, prev index.Path, err error) {
	found, _, prev, err = tx.seekPaths(pos)
	return found, prev, err
}

func (tx *Tx) seekPaths(pos index.Seq) (found bool, path, prev index.Path, err error) {
	c := tx.bucket(journalBucket).Cursor()
	for k, v := c.Seek(journalKey(groupOf(pos))); ; k, v = c.Next() {
		at, ok := parsePos(k)
		if !ok || at > pos {
			return false, "", prev, nil
		}
		if path, err = index.EventPath(v, prev); err != nil {
			return false, "", "", tx.damaged(fmt.Errorf("read event %d: %w", at, err))
		}
		if at == pos {
			return true, path, prev, nil
		}
		prev = path
	}
}

// storedEvent reads the event at pos, which must be written.
func (tx *Tx) storedEvent(pos index.Seq) (index.StoredEvent, error) {
	found, prev, err := tx.seekPath(pos)
	if err == nil && !found {
		err = tx.damaged(fmt.Errorf("the journal has no position %d", pos))
	}
	if err != nil {
		return index.StoredEvent{}, err
	}
	return tx.decodeEvent(pos, tx.bucket(journalBucket).Get(journalKey(pos)), prev)
}

func (tx *Tx) decodeEvent(pos index.Seq, raw []byte, prev index.Path) (index.StoredEvent, error) {
	s, err := index.UnmarshalEvent(pos, raw, prev)
	if err != nil {
		return s, tx.damaged(err)
	}
	return s, nil
}

// eventAfter reads the first event behind a position, whose path is prev;
// false if there is none.
func (tx *Tx) eventAfter(pos index.Seq, prev index.Path) (s index.StoredEvent, ok bool, err error) {
	k, v := tx.bucket(journalBucket).Cursor().Seek(journalKey(pos + 1))
	return tx.eventFrom(k, v, pos, prev)
}

// eventFrom reads the event that a cursor found behind a position, whose path is
// prev; false if it found none.
func (tx *Tx) eventFrom(k, v []byte, pos index.Seq, prev index.Path) (s index.StoredEvent, ok bool, err error) {
	if k == nil {
		return s, false, nil
	}
	at, ok := parsePos(k)
	if !ok {
		return s, false, tx.damaged(fmt.Errorf("the journal has key %x", k))
	}
	if groupOf(at) != groupOf(pos) {
		prev = index.Root
	}
	s, err = tx.decodeEvent(at, v, prev)
	return s, true, err
}

// fillEvent adds the entry that s left to its path's record.
func (tx *Tx) fillEvent(s index.StoredEvent) (index.Event, error) {
	if !s.InRecord {
		return s.Event, nil
	}
	r, err := tx.Get(s.Path)
	if err != nil {
		return index.Event{}, err
	}
	if r == nil || r.Pos != s.Pos {
		return index.Event{}, tx.damaged(fmt.Errorf("event %d: the record of %q does not point back", s.Pos, s.Path))
	}
	e, err := s.Fill(r.Ours)
	if err != nil {
		return index.Event{}, tx.damaged(err)
	}
	return e, nil
}

// stored yields the events from one position to the head.
func (tx *Tx) stored(from index.Seq) iter.Seq2[index.StoredEvent, error] {
	return func(yield func(index.StoredEvent, error) bool) {
		if err := tx.flushEvents(); err != nil {
			yield(index.StoredEvent{}, err)
			return
		}
		from, head := max(from, 1), tx.Head()
		if from > head {
			return
		}
		_, prev, err := tx.seekPath(from)
		c, changes := tx.bucket(journalBucket).Cursor(), -1
		for at := from - 1; at < head; {
			var s index.StoredEvent
			ok := true
			if err == nil {
				var k, v []byte
				if changes == tx.changes {
					k, v = c.Next()
				} else {
					c = tx.bucket(journalBucket).Cursor()
					k, v = c.Seek(journalKey(at + 1))
					changes = tx.changes
				}
				s, ok, err = tx.eventFrom(k, v, at, prev)
			}
			if !ok && err == nil || !yield(s, err) || err != nil {
				return
			}
			at, prev = s.Pos, s.Path
		}
	}
}

// Events yields the journal from one position on.
func (tx *Tx) Events(from index.Seq) iter.Seq2[index.Event, error] {
	return func(yield func(index.Event, error) bool) {
		for s, err := range tx.stored(from) {
			var e index.Event
			if err == nil {
				e, err = tx.fillEvent(s)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// EventsBack yields the journal from one position down, newest first; 0 is its
// head.
func (tx *Tx) EventsBack(from index.Seq) iter.Seq2[index.Event, error] {
	return func(yield func(index.Event, error) bool) {
		if err := tx.flushEvents(); err != nil {
			yield(index.Event{}, err)
			return
		}
		head := tx.Head()
		if from == 0 || from > head {
			from = head
		}
		k, _ := tx.bucket(journalBucket).Cursor().First()
		first, _ := parsePos(k)
		for from > 0 && from >= first {
			group, err := tx.group(from)
			if err != nil {
				yield(index.Event{}, err)
				return
			}
			for _, s := range slices.Backward(group) {
				if !yield(tx.fillEvent(s)) {
					return
				}
			}
			from = groupOf(from) - 1
		}
	}
}

// group reads the events of upto's group that are not behind it.
func (tx *Tx) group(upto index.Seq) ([]index.StoredEvent, error) {
	var out []index.StoredEvent
	prev := index.Root
	for at := groupOf(upto) - 1; at < upto; {
		s, ok, err := tx.eventAfter(at, prev)
		if err != nil {
			return nil, err
		}
		if !ok || s.Pos > upto {
			break
		}
		out = append(out, s)
		at, prev = s.Pos, s.Path
	}
	return out, nil
}

// At returns the record whose Ours the event at pos carried, nil if there is
// no such event or a later one has carried that path since.
func (tx *Tx) At(pos index.Seq) (*index.Record, error) {
	if pos == 0 || pos > tx.Head() {
		return nil, nil
	}
	var p index.Path
	if e := tx.pendingAt(pos); e != nil {
		p = e.Path
	} else {
		found, path, _, err := tx.seekPaths(pos)
		if err != nil || !found {
			return nil, err // it may have been pruned, as no record points at it
		}
		p = path
	}
	r, err := tx.Get(p)
	if err != nil || r == nil || r.Pos != pos {
		return nil, err
	}
	return r, nil
}

// Sighting is how this node noticed the edit that r.Ours is, if it is one of its
// own and the journal still has it.
func (tx *Tx) Sighting(r *index.Record) (index.Sighting, error) {
	m, err := tx.loadMeta()
	if err != nil || r.Ours == nil || r.Ours.Origin != m.Node {
		return index.Sighting{}, err
	}
	e, ok, err := tx.eventOf(r, r.Ours.Version.At(m.Epoch))
	if err != nil || !ok || e.Path != r.Path {
		return index.Sighting{}, err
	}
	out := index.Sighting{How: e.How, Time: e.Time, Other: e.From}
	if !e.Entry.Live() {
		out.Other = e.To
	}
	return out, nil
}

// eventOf is Event of a record's own edit. Whoever comes from Since has just read it.
func (tx *Tx) eventOf(r *index.Record, pos index.Seq) (index.Event, bool, error) {
	s := &tx.journal.met
	if pos == 0 || s.Pos != pos || r.Pos != pos || s.Path != r.Path {
		return tx.Event(pos)
	}
	e := s.Event
	if s.InRecord {
		e.Entry = r.Ours
	}
	return e, true, nil
}

// Since yields the records whose Pos is greater than pos, in order of Pos.
func (tx *Tx) Since(pos index.Seq) iter.Seq2[*index.Record, error] {
	return func(yield func(*index.Record, error) bool) {
		for s, err := range tx.stored(pos + 1) {
			var r *index.Record
			if err == nil {
				r, err = tx.Get(s.Path)
			}
			if err == nil && (r == nil || r.Pos != s.Pos) {
				continue
			}
			tx.journal.met = s
			if !yield(r, err) {
				return
			}
		}
	}
}

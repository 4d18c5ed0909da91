package store

import (
	"duet/store/index"
)

// JournalLimits say what of the journal may go.
type JournalLimits struct {
	Before int64 // ns since 1970: events from before then; 0: none by age
	Bytes  int64 // the oldest, while the journal has more bytes; 0: none by size
}

// Pruning is how far the pruning of the journal has come.
type Pruning struct {
	Upto    index.Seq // positions up to here were looked at
	Dropped int64
	Found   bool // with a dry run: the group behind Upto has something to drop
	Done    bool // what lies behind is to stay
}

// PruneJournal drops old events behind a position, looking at no more than so
// many of them. An event that a record points at stays, however old it is: it
// carries what the record says, and by it the peer hears of it. So positions
// have gaps, and the ends of paths that lean on others are written anew, by
// whole groups; the group that the journal ends in is left alone.
//
// With dry, nothing is dropped, and the first group from which something would
// be is where it stops.
func (tx *Tx) PruneJournal(after index.Seq, l JournalLimits, limit int, dry bool) (Pruning, error) {
	out := Pruning{Upto: after}
	if err := tx.flushEvents(); err != nil {
		return out, err
	}
	counts, err := tx.loadCounts()
	if err != nil {
		return out, err
	}
	end := groupOf(max(tx.Head(), 1))
	for looked := 0; looked < limit; {
		s, ok, err := tx.eventAfter(out.Upto, index.Root)
		if err != nil {
			return out, err
		}
		if !ok || s.Pos >= end {
			out.Done = true
			return out, nil
		}
		last := groupOf(s.Pos) + stride - 1
		group, err := tx.group(last)
		if err != nil {
			return out, err
		}
		over := l.Bytes > 0 && counts.EventBytes > l.Bytes
		if out.Done = !over && young(group, l.Before); out.Done {
			return out, nil
		}
		looked += len(group)
		n, err := tx.pruneGroup(group, l.Before, over, dry)
		if err != nil {
			return out, err
		}
		if out.Found = dry && n > 0; out.Found {
			return out, nil
		}
		out.Dropped += n
		out.Upto = last
	}
	return out, nil
}

// young reports whether all events of a group are to stay for their age.
func young(group []index.StoredEvent, before int64) bool {
	for i := range group {
		if group[i].Time < before {
			return false
		}
	}
	return true
}

// pruneGroup drops what may go of one group and writes the rest anew.
func (tx *Tx) pruneGroup(group []index.StoredEvent, before int64, over, dry bool) (dropped int64, err error) {
	var stay []index.Event
	var forms []bool
	for _, s := range group {
		r, err := tx.Get(s.Path)
		if err != nil {
			return 0, err
		}
		if (r == nil || r.Pos != s.Pos) && (over || s.Time < before) {
			if dropped++; !dry {
				err = tx.forgetEvent(&s.Event)
			}
			if err != nil {
				return 0, err
			}
			continue
		}
		e, err := tx.fillEvent(s)
		if err != nil {
			return 0, err
		}
		stay, forms = append(stay, e), append(forms, s.InRecord)
	}
	if dropped == 0 || dry {
		return dropped, nil
	}
	for _, s := range group {
		if err := tx.dropEvent(s.Pos); err != nil {
			return 0, err
		}
	}
	prev := index.Root
	for i := range stay {
		raw, err := index.MarshalEvent(&stay[i], prev, forms[i])
		if err != nil {
			return 0, err
		}
		if err := tx.putEvent(stay[i].Pos, raw, 0); err != nil {
			return 0, err
		}
		prev = stay[i].Path
	}
	return dropped, nil
}

// putEvent writes the event at pos, in place of one of was bytes, or 0.
func (tx *Tx) putEvent(pos index.Seq, raw []byte, was int) error {
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	key := journalKey(pos)
	if was == 0 {
		counts.Events++
		counts.EventBytes += int64(len(key))
	}
	counts.EventBytes += int64(len(raw) - was)
	return tx.put(journalBucket, key, raw)
}

func (tx *Tx) dropEvent(pos index.Seq) error {
	counts, err := tx.loadCounts()
	if err != nil {
		return err
	}
	key := journalKey(pos)
	counts.Events--
	counts.EventBytes -= int64(len(key) + len(tx.bucket(journalBucket).Get(key)))
	return tx.drop(journalBucket, key)
}

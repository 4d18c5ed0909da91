package index

import (
	"errors"
	"fmt"

	"duet/store/index/indexpb"
)

// MaxRule is how many bytes the name of a rule may have.
const MaxRule = 255

// Check states what holds for every intent by itself.
func (i *Intent) Check() error {
	if err := checkPath("intent", i.Path); err != nil {
		return err
	}
	if (i.Verb == Move) != (i.From != Root) {
		return fmt.Errorf("intent %q: %v from %q", i.Path, i.Verb, i.From)
	}
	if i.From != Root {
		if err := checkPath("intent from", i.From); err != nil {
			return err
		}
	}
	switch {
	case i.Verb < Place || i.Verb > Expire:
		return fmt.Errorf("intent %q: verb %d is unknown", i.Path, i.Verb)
	case i.Reason > lastReason:
		return fmt.Errorf("intent %q: reason %d is unknown", i.Path, i.Reason)
	case i.Expect.Size < 0:
		return fmt.Errorf("intent %q: stamp with size %d", i.Path, i.Expect.Size)
	}
	return errors.Join(checkHeld(i.Path, i.Held), checkHeldEntry(i.Path, i.Entry), checkText("rule", i.Rule, MaxRule))
}

// checkHeld allows one component, or "" for nothing held.
func checkHeld(p Path, held string) error {
	if held == "" {
		return nil
	}
	if _, err := Root.Join(held); err != nil {
		return fmt.Errorf("held for %q: %w", p, err)
	}
	return nil
}

func checkHeldEntry(p Path, e *Entry) error {
	if e == nil {
		return nil
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("held for %q: %w", p, err)
	}
	return nil
}

// MarshalIntent encodes i but for its ID, which is its key.
func MarshalIntent(i *Intent) ([]byte, error) {
	if err := i.Check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 256)
	b = putVarint(b, 1, uint64(i.Verb))
	b = putBytes(b, 2, i.Path)
	b = putBytes(b, 3, i.From)
	b = putBytes(b, 4, i.Held)
	b = putVarint(b, 5, i.Ino)
	if i.Expect != (Stamp{}) {
		var at int
		b, at = openMessage(b, 6)
		b = closeMessage(appendStamp(b, i.Expect, nil, false), at)
	}
	b = putEntry(b, 7, i.Entry)
	b = putVarint(b, 8, uint64(i.Reason))
	return putBytes(b, 9, i.Rule), nil
}

// UnmarshalIntent decodes what MarshalIntent wrote.
func UnmarshalIntent(id uint64, b []byte) (Intent, error) {
	var m indexpb.Intent
	if err := Decode(b, &m); err != nil {
		return Intent{}, fmt.Errorf("read intent %d: %w", id, err)
	}
	if m.Verb > uint32(Expire) || m.Reason > uint32(lastReason) {
		return Intent{}, fmt.Errorf("read intent %d: verb %d, reason %d are unknown", id, m.Verb, m.Reason)
	}
	entry, err := entryFromProto(m.Entry)
	if err != nil {
		return Intent{}, fmt.Errorf("read intent %d: %w", id, err)
	}
	expect, err := stampFromProto(m.Expect, nil)
	if err != nil {
		return Intent{}, fmt.Errorf("read intent %d: %w", id, err)
	}
	i := Intent{
		ID: id, Verb: Verb(m.Verb), Path: Path(m.Path), From: Path(m.From), Held: string(m.Held),
		Ino: m.Ino, Expect: expect, Entry: entry, Reason: Reason(m.Reason), Rule: string(m.Rule),
	}
	want, err := MarshalIntent(&i)
	if err := Canonical(b, want, err); err != nil {
		return Intent{}, fmt.Errorf("read intent %d: %w", id, err)
	}
	return i, nil
}

// Check states what holds for every kept version by itself.
func (k *Kept) Check() error {
	if err := checkPath("kept", k.Path); err != nil {
		return err
	}
	if k.Reason < Overwritten || k.Reason > lastReason {
		return fmt.Errorf("kept %q: reason %d is unknown", k.Path, k.Reason)
	}
	return errors.Join(checkHeld(k.Path, k.Held), checkHeldEntry(k.Path, k.Entry))
}

// MarshalKept encodes k but for its ID, which is its key.
func MarshalKept(k *Kept) ([]byte, error) {
	if err := k.Check(); err != nil {
		return nil, err
	}
	return Encode(&indexpb.Kept{
		Path: []byte(k.Path), Entry: EntryToProto(k.Entry), Reason: uint32(k.Reason),
		By: uint64(k.By), Time: k.Time, Held: []byte(k.Held),
	})
}

// UnmarshalKept decodes what MarshalKept wrote.
func UnmarshalKept(id uint64, b []byte) (Kept, error) {
	var m indexpb.Kept
	if err := Decode(b, &m); err != nil {
		return Kept{}, fmt.Errorf("read kept version %d: %w", id, err)
	}
	entry, err := entryFromProto(m.Entry)
	if err != nil {
		return Kept{}, fmt.Errorf("read kept version %d: %w", id, err)
	}
	if m.Reason > uint32(lastReason) {
		return Kept{}, fmt.Errorf("read kept version %d: reason %d is unknown", id, m.Reason)
	}
	k := Kept{
		ID: id, Path: Path(m.Path), Entry: entry, Reason: Reason(m.Reason),
		By: NodeID(m.By), Time: m.Time, Held: string(m.Held),
	}
	want, err := MarshalKept(&k)
	if err := Canonical(b, want, err); err != nil {
		return Kept{}, fmt.Errorf("read kept version %d: %w", id, err)
	}
	return k, nil
}

// KeptHeld reads only Held of what MarshalKept wrote; false: read all of it.
func KeptHeld(b []byte) (held string, ok bool) {
	f := fields{rest: b}
	for f.next() {
		if f.num == 6 {
			held = string(f.b)
		}
	}
	return held, !f.bad && f.num <= 6
}

// Check states what holds for every conflict by itself.
func (c *Conflict) Check() error {
	if err := checkPath("conflict", c.Path); err != nil {
		return err
	}
	return errors.Join(checkText("rule", c.Rule, MaxRule), c.Seen.check(),
		checkHeldEntry(c.Path, c.Winner), checkHeldEntry(c.Path, c.Loser))
}

// MarshalConflict encodes c but for its ID, which is its key.
func MarshalConflict(c *Conflict) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return Encode(&indexpb.Conflict{
		Path: []byte(c.Path), Time: c.Time, Winner: EntryToProto(c.Winner),
		Loser: EntryToProto(c.Loser), Rule: []byte(c.Rule), Kept: c.Kept, Closed: c.Closed,
		SeenHow: uint32(c.Seen.How), SeenTime: c.Seen.Time,
	})
}

// UnmarshalConflict decodes what MarshalConflict wrote.
func UnmarshalConflict(id uint64, b []byte) (Conflict, error) {
	var m indexpb.Conflict
	if err := Decode(b, &m); err != nil {
		return Conflict{}, fmt.Errorf("read conflict %d: %w", id, err)
	}
	winner, err := entryFromProto(m.Winner)
	if err != nil {
		return Conflict{}, fmt.Errorf("read conflict %d: winner: %w", id, err)
	}
	loser, err := entryFromProto(m.Loser)
	if err != nil {
		return Conflict{}, fmt.Errorf("read conflict %d: loser: %w", id, err)
	}
	c := Conflict{ID: id, Path: Path(m.Path), Time: m.Time, Winner: winner, Loser: loser, Rule: string(m.Rule), Kept: m.Kept, Closed: m.Closed}
	if m.SeenHow > uint32(ByRule) {
		return Conflict{}, fmt.Errorf("read conflict %d: how %d is unknown", id, m.SeenHow)
	}
	c.Seen = Sighting{How: How(m.SeenHow), Time: m.SeenTime}
	want, err := MarshalConflict(&c)
	if err := Canonical(b, want, err); err != nil {
		return Conflict{}, fmt.Errorf("read conflict %d: %w", id, err)
	}
	return c, nil
}

package store

import (
	"fmt"
	"reflect"
	"strings"

	"duet/store/index"
	"duet/store/index/indexpb"
)

// Counts are sums over the index. They are kept up to date with every change,
// so that asking for them costs nothing, and Check counts again.
type Counts struct {
	Files, Dirs, Links int64 // live entries of this node
	Tombstones         int64
	Records            int64
	Bytes              int64 // of the live files
	Take, Wait, Held   int64 // records by Next
	Left               int64 // likewise: what one of the nodes ignores
	Kept, KeptBytes    int64
	Conflicts          int64 // open ones
	Intents            int64
	Events, EventBytes int64 // of the journal; keys and values
}

// Counts returns the counts.
func (tx *Tx) Counts() (Counts, error) {
	c, err := tx.loadCounts()
	if err != nil {
		return Counts{}, err
	}
	return *c, nil
}

// unlike says which counts are not as they should be.
func (c Counts) unlike(should Counts) string {
	var out []string
	is, want := reflect.ValueOf(c), reflect.ValueOf(should)
	for i := range is.NumField() {
		if a, b := is.Field(i).Int(), want.Field(i).Int(); a != b {
			out = append(out, fmt.Sprintf("%s is %d, and should be %d", strings.ToLower(is.Type().Field(i).Name), a, b))
		}
	}
	return strings.Join(out, "; ")
}

// addRecord counts r n times.
func (c *Counts) addRecord(r *index.Record, n int64) {
	if r == nil {
		return
	}
	c.Records += n
	switch r.Next {
	case index.Take:
		c.Take += n
	case index.Wait:
		c.Wait += n
	case index.Held:
		c.Held += n
	case index.Left:
		c.Left += n
	}
	if r.Ours == nil {
		return
	}
	switch r.Ours.Kind {
	case index.File:
		c.Files += n
		c.Bytes += n * r.Ours.Size
	case index.Dir:
		c.Dirs += n
	case index.Symlink:
		c.Links += n
	case index.Gone:
		c.Tombstones += n
	}
}

// addKept counts k n times.
func (c *Counts) addKept(k *index.Kept, n int64) {
	c.Kept += n
	if k.Entry != nil {
		c.KeptBytes += n * k.Entry.Size
	}
}

func (c *Counts) marshal() ([]byte, error) {
	return index.Encode(&indexpb.Counts{
		Files: uint64(c.Files), Dirs: uint64(c.Dirs), Links: uint64(c.Links),
		Tombstones: uint64(c.Tombstones), Records: uint64(c.Records), Bytes: uint64(c.Bytes),
		Take: uint64(c.Take), Wait: uint64(c.Wait), Held: uint64(c.Held),
		Kept: uint64(c.Kept), KeptBytes: uint64(c.KeptBytes),
		Conflicts: uint64(c.Conflicts), Intents: uint64(c.Intents), Left: uint64(c.Left),
		Events: uint64(c.Events), EventBytes: uint64(c.EventBytes),
	})
}

func unmarshalCounts(raw []byte) (*Counts, error) {
	var m indexpb.Counts
	if err := index.Decode(raw, &m); err != nil {
		return nil, err
	}
	c := &Counts{
		Files: int64(m.Files), Dirs: int64(m.Dirs), Links: int64(m.Links),
		Tombstones: int64(m.Tombstones), Records: int64(m.Records), Bytes: int64(m.Bytes),
		Take: int64(m.Take), Wait: int64(m.Wait), Held: int64(m.Held),
		Kept: int64(m.Kept), KeptBytes: int64(m.KeptBytes),
		Conflicts: int64(m.Conflicts), Intents: int64(m.Intents), Left: int64(m.Left),
		Events: int64(m.Events), EventBytes: int64(m.EventBytes),
	}
	want, err := c.marshal()
	return c, index.Canonical(raw, want, err)
}

// loadCounts returns the transaction's counts, which callers change in place.
func (tx *Tx) loadCounts() (*Counts, error) {
	if tx.counts == nil {
		c, err := unmarshalCounts(tx.bucket(metaBucket).Get(countsKey))
		if err != nil {
			return nil, tx.damaged(fmt.Errorf("read counts: %w", err))
		}
		tx.written = *c
		tx.counts = c
	}
	return tx.counts, nil
}

func (tx *Tx) flushCounts() error {
	if tx.counts == nil || *tx.counts == tx.written {
		return nil
	}
	raw, err := tx.counts.marshal()
	if err != nil {
		return err
	}
	tx.written = *tx.counts
	return tx.put(metaBucket, countsKey, raw)
}

package store

import (
	"maps"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// spoiled is one way to spoil a good index behind the store's back, and what
// Check says of it.
type spoiled struct {
	spoil func(*bolt.Tx) error
	want  string
}

// spoiledKeys are keys and values that should not be there, or should.
func spoiledKeys(t *testing.T) map[string]spoiled {
	put := func(bucket []byte, key string, value []byte) func(*bolt.Tx) error {
		return func(b *bolt.Tx) error { return b.Bucket(bucket).Put([]byte(key), value) }
	}
	drop := func(bucket []byte, key string) func(*bolt.Tx) error {
		return func(b *bolt.Tx) error { return b.Bucket(bucket).Delete([]byte(key)) }
	}
	return map[string]spoiled{
		"nothing":                  {func(*bolt.Tx) error { return nil }, ""},
		"record scribbled":         {put(recordBucket, "agreed", []byte("?")), "read record"},
		"record not canonical":     {put(recordBucket, "agreed", []byte{0x28, 0x81, 0x00}), "read record"},
		"record of no path":        {put(recordBucket, "a/b", nil), "contains a slash"},
		"record lost":              {drop(recordBucket, "agreed"), "does not point back"},
		"todo lost":                {drop(todoBucket, "take"), "todo says false"},
		"todo too many":            {put(todoBucket, "agreed", nil), "todo says true"},
		"todo of nothing":          {put(todoBucket, "nowhere", nil), "bucket todo: has 2 keys"},
		"held lost":                {drop(heldBucket, "held"), "held says false"},
		"held of nothing":          {put(heldBucket, "nowhere", nil), "bucket held: has 2 keys"},
		"content lost":             {drop(recentBucket, "\x01\x09\x00\x00\x00\x01"), "found by its content"},
		"content too many":         {put(contentBucket, "\x01\x09\x00\x00\x00\x77", nil), "bucket content and recent: has"},
		"event lost":               {drop(journalBucket, string(journalKey(2))), "the journal has no position 2"},
		"event lost, unneeded":     {drop(journalBucket, string(journalKey(3))), "counts: events is 4, and should be 3"},
		"event scribbled":          {put(journalBucket, string(journalKey(2)), []byte("x")), "read event 2"},
		"event of another path":    {put(journalBucket, string(journalKey(1)), mustEvent(t, "other")), `position 1 carried "other"`},
		"key of the journal":       {put(journalBucket, "x", nil), "journal: has key"},
		"mention lost":             {drop(mentionBucket, "gone\x00\x00"+string(journalKey(3))), "cannot be found by its path"},
		"mention of nothing":       {put(mentionBucket, "agreed\x00\x00"+string(journalKey(1)), nil), "bucket mention: has 2 keys"},
		"counts wrong":             {put(metaBucket, "counts", nil), "counts: files is 0, and should be 2"},
		"counts scribbled":         {put(metaBucket, "counts", []byte("x")), "read counts"},
		"ignores scribbled":        {put(metaBucket, "ignores", []byte("x")), "ignore rules"},
		"intent scribbled":         {put(intentBucket, string(idKey(1)), []byte("x")), "read intent 1"},
		"kept scribbled":           {put(keptBucket, string(idKey(1)), []byte("x")), "read kept version 1"},
		"kept without hash":        {drop(keptHashBucket, hashKey(5)), "found by its content"},
		"kept hash of nothing":     {put(keptHashBucket, hashKey(6), nil), "bucket kepthash: has 2 keys"},
		"kept without path":        {drop(keptPathBucket, "kept\x00\x00"+string(idKey(1))), "found by its path"},
		"kept path of nothing":     {put(keptPathBucket, "kept\x00\x00"+string(idKey(2)), nil), "bucket keptpath: has 2 keys"},
		"conflict scribbled":       {put(conflictBucket, string(idKey(1)), []byte("x")), "read conflict 1"},
		"conflict's loser unknown": {put(conflictBucket, string(idKey(1)), mustConflict(t, "kept", 9)), "there were 1"},
		"conflict's loser wrong":   {put(conflictBucket, string(idKey(1)), mustConflict(t, "other", 1)), "is of"},
	}
}

func spoilMeta(change func(*metaValue)) func(*bolt.Tx) error {
	return func(b *bolt.Tx) error {
		v, err := unmarshalMeta(b.Bucket(metaBucket).Get(metaKey))
		if err != nil {
			return err
		}
		change(v)
		raw, err := v.marshal()
		if err != nil {
			return err
		}
		return b.Bucket(metaBucket).Put(metaKey, raw)
	}
}

func spoilRecord(change func(*index.Record)) func(*bolt.Tx) error {
	return func(b *bolt.Tx) error {
		c, err := index.UnmarshalClass(b.Bucket(classBucket).Get([]byte{0, 0, 0, 1}))
		if err != nil {
			return err
		}
		raw := b.Bucket(recordBucket).Get([]byte("agreed"))
		r, err := index.UnmarshalRecord("agreed", raw, func(uint32) (index.Class, bool) { return c, true })
		if err != nil {
			return err
		}
		change(r)
		if raw, err = index.MarshalRecord(r, 0); err != nil {
			return err
		}
		return b.Bucket(recordBucket).Put([]byte("agreed"), raw)
	}
}

// spoiledValues are values that do not fit each other.
func spoiledValues() map[string]spoiled {
	meta, record := spoilMeta, spoilRecord
	return map[string]spoiled{
		"runs out of order":      {meta(func(v *metaValue) { v.Runs[0].From = 9; v.Runs = append(v.Runs, index.Run{From: 1}) }), "meta: run"},
		"run in the future":      {meta(func(v *metaValue) { v.Runs[0].From = 900 }), "meta: run"},
		"acked the future":       {meta(func(v *metaValue) { v.Acked = 900 }), "rolled back"},
		"heard too little":       {meta(func(v *metaValue) { v.Heard = 0 }), "the peer's journal only up to 0"},
		"base is something else": {record(func(r *index.Record) { r.Base = file(9, r.Ours.Version) }), "the base is something else"},
		"no base":                {record(func(r *index.Record) { r.Base = nil }), "the base is something else"},
		"agreed and waits":       {record(func(r *index.Record) { r.Next = index.Wait }), "nothing to wait for"},
		"agreed and held":        {record(func(r *index.Record) { r.Next = index.Held }), "nothing to decide"},
		"agreed and left":        {record(func(r *index.Record) { r.Next = index.Left }), "is left alone"},
		"differs and rests":      {record(func(r *index.Record) { r.Theirs = file(9, r.Ours.Version) }), "nobody has to move"},
		"edited after carried": {record(func(r *index.Record) {
			e := *r.Ours
			e.Version = index.Version{{Epoch: e.Version[0].Epoch, Seq: 3}}
			r.Ours, r.Base, r.Theirs = &e, &e, &e
		}), "edited at 3, and carried at 1"},
		"peer knows the future": {record(func(r *index.Record) {
			e := *r.Ours
			e.Version = index.Version{{Epoch: e.Version[0].Epoch, Seq: 300}}
			r.Theirs, r.Next = &e, index.Take
		}), "rolled back"},
		"carried in the future": {record(func(r *index.Record) { r.Pos = 300 }), "the journal ends at"},
	}
}

// TestCheckFinds spoils one thing at a time, and wants Check to say so.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	tests := spoiledKeys(t)
	maps.Copy(tests, spoiledValues())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, tempIndex(t))
			goodIndex(t, s)
			if err := s.db.Update(test.spoil); err != nil {
				t.Fatal(err)
			}
			got := complaints(t, s, CheckOptions{})
			if test.want == "" && len(got) > 0 || !strings.Contains(strings.Join(got, "\n"), test.want) {
				t.Errorf("check says %q, want %q", got, test.want)
			}
		})
	}
}

// goodIndex fills an index with one of everything.
func goodIndex(t *testing.T, s *Store) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		theirs := file(2, index.Version{{Epoch: 7, Seq: 1}})
		for _, err := range []error{
			edit(tx, "agreed", index.Created, *file(1, nil)), agree(tx, "agreed"),
			edit(tx, "wait", index.Created, *file(1, nil)),
			edit(tx, "gone", index.Created, *file(1, nil)),
			edit(tx, "gone", index.Deleted, index.Entry{Kind: index.Gone}),
			hear(tx, "take", theirs), hear(tx, "held", theirs),
		} {
			if err != nil {
				return err
			}
		}
		r, err := tx.Get("held")
		if err != nil {
			return err
		}
		r.Next = index.Held
		if err := tx.Put(r); err != nil {
			return err
		}
		if _, err := tx.AddIntent(index.Intent{Verb: index.Place, Path: "take", Held: "s"}); err != nil {
			return err
		}
		if _, err := tx.AddKept(index.Kept{Path: "kept", Entry: file(5, nil), Reason: index.LostConflict, Held: "1"}); err != nil {
			return err
		}
		_, err = tx.AddConflict(index.Conflict{Path: "kept", Winner: file(1, nil), Loser: file(5, nil), Kept: 1})
		return err
	})
}

func mustEvent(t *testing.T, p index.Path) []byte {
	raw, err := index.MarshalEvent(&index.Event{Path: p, What: index.Created, How: index.ByScan, Entry: file(1, nil)}, index.Root, false)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func mustConflict(t *testing.T, p index.Path, kept uint64) []byte {
	raw, err := index.MarshalConflict(&index.Conflict{Path: p, Winner: file(1, nil), Loser: file(5, nil), Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func hashKey(content byte) string {
	return string(keptHashKey(&index.Kept{Entry: file(content, nil), Held: "1"}, 1))
}

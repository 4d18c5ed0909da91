package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	bolt "go.etcd.io/bbolt"

	"duet/store/index"
)

// all is everything in an index that people may miss.
type all struct {
	records map[index.Path]*index.Record
	events  int
	kept    []string
	meta    Meta
}

func everything(t *testing.T, s *Store) all {
	t.Helper()
	out := all{records: map[index.Path]*index.Record{}}
	view(t, s, func(tx *Tx) error {
		for _, r := range collect(t, "Range", tx.Range(index.Root, false)) {
			out.records[r.Path] = r
		}
		out.events = len(collect(t, "Events", tx.Events(0)))
		for _, k := range collect(t, "AllKept", tx.AllKept()) {
			out.kept = append(out.kept, fmt.Sprintf("%d %v %v %s", k.ID, k.Path, k.Reason, k.Held))
		}
		var err error
		out.meta, err = tx.Meta()
		return err
	})
	return out
}

func repair(t *testing.T, path string) *Repair {
	t.Helper()
	r, err := PrepareRepair(path, Options{Share: "images", Node: testNode})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func install(t *testing.T, r *Repair) string {
	t.Helper()
	aside, err := r.Install()
	if err != nil {
		t.Fatal(err)
	}
	return aside
}

func TestRepairOfSound(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	good := goodFile(t)
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	r := repair(t, path)
	if !r.Sound {
		t.Errorf("%+v", r)
	}
	if aside := install(t, r); aside != "" {
		t.Errorf("a sound index was put aside as %s", aside)
	}
}

// What is only listed or counted wrong is made right, and nothing is forgotten:
// deletes least of all.
func TestRepairOfLists(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*bolt.Tx) error{
		"counts":  func(b *bolt.Tx) error { return b.Bucket(metaBucket).Put(countsKey, nil) },
		"todo":    func(b *bolt.Tx) error { return b.Bucket(todoBucket).Delete([]byte("take")) },
		"mention": func(b *bolt.Tx) error { return b.Bucket(mentionBucket).Put([]byte("x\x00\x0012345678"), nil) },
		"content": func(b *bolt.Tx) error { return emptyBucket(b, recentBucket) },
		"kept": func(b *bolt.Tx) error {
			return errors.Join(emptyBucket(b, keptPathBucket), emptyBucket(b, keptHashBucket))
		},
		"dispute": func(b *bolt.Tx) error { return emptyBucket(b, disputeBucket) },
	} {
		t.Run(name, func(t *testing.T) {
			path := tempIndex(t)
			if err := os.WriteFile(path, goodFile(t), 0o600); err != nil {
				t.Fatal(err)
			}
			s := openWith(t, path, Options{Share: "images", Node: testNode})
			want := everything(t, s)
			if err := s.db.Update(spoil); err != nil {
				t.Fatal(err)
			}
			if len(complaints(t, s, CheckOptions{})) == 0 {
				t.Fatal("nothing is spoilt")
			}
			closeTest(t, s)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r := repair(t, path)
			if r.Sound || !r.Whole || r.Empty || len(r.Wrong) == 0 || r.Lost != 0 {
				t.Fatalf("%+v", r)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, before) {
				t.Fatalf("it was changed before anybody said so: %v", err)
			}
			aside := install(t, r)
			if old, err := os.ReadFile(aside); err != nil || !bytes.Equal(old, before) {
				t.Errorf("the broken index is not kept as %s: %v", aside, err)
			}
			s = openWith(t, path, Options{Share: "images", ReadOnly: true})
			defer closeTest(t, s)
			checkStore(t, s)
			got := everything(t, s)
			if got.meta.Epoch != want.meta.Epoch || got.events != want.events || fmt.Sprint(got.kept) != fmt.Sprint(want.kept) {
				t.Errorf("got %+v %d %q\nwant %+v %d %q", got.meta, got.events, got.kept, want.meta, want.events, want.kept)
			}
			if len(got.records) != len(want.records) {
				t.Errorf("%d records, want %d", len(got.records), len(want.records))
			}
			for p, r := range want.records {
				if !reflect.DeepEqual(got.records[p], r) {
					t.Errorf("record %v:\n got %+v\nwant %+v", p, got.records[p], r)
				}
			}
		})
	}
}

func emptyBucket(b *bolt.Tx, name []byte) error {
	if err := b.DeleteBucket(name); err != nil {
		return err
	}
	_, err := b.CreateBucket(name)
	return err
}

// Whatever is done to the file, a repair ends in a sound index. Where something
// was lost that matters, no delete is remembered, no file is believed to be what
// the index says, and the epoch is another one.
func TestRepairOfDamage(t *testing.T) {
	t.Parallel()
	good := goodFile(t)
	page := os.Getpagesize()
	seen := map[string]int{}
	try := func(what string, b []byte) {
		t.Helper()
		path := tempIndex(t)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r := repair(t, path)
		install(t, r)
		s, err := Open(path, Options{Share: "images", Node: testNode})
		if err != nil {
			t.Fatalf("%s: %+v: %v", what, r, err)
		}
		defer closeTest(t, s)
		if bad := complaints(t, s, CheckOptions{}); len(bad) > 0 {
			t.Errorf("%s: %+v: %q", what, r, bad)
		}
		switch {
		case r.Sound:
			seen["sound"]++
		case r.Whole:
			seen["whole"]++
		case r.Empty:
			seen["empty"]++
		default:
			seen["part"]++
			if r.Records < 200 {
				seen["little"]++
			}
		}
		if r.Sound || r.Whole {
			return
		}
		view(t, s, func(tx *Tx) error {
			for _, rec := range collect(t, "Range", tx.Range(index.Root, false)) {
				if !rec.Ours.Live() || rec.Stamp != (index.Stamp{}) || rec.Theirs != nil || rec.Base != nil {
					t.Errorf("%s: after a loss the index still says %+v", what, rec)
				}
			}
			return nil
		})
	}
	for start := 0; start < len(good); start += page {
		b := bytes.Clone(good)
		clear(b[start : start+page])
		try(fmt.Sprint("page ", start/page), b)
	}
	for _, n := range []int{0, 100, page, 3 * page, len(good) / 2, len(good) - page} {
		try(fmt.Sprint("cut to ", n), good[:n])
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for n := range 25 {
		b := bytes.Clone(good)
		for range 1 + rnd.IntN(10) {
			b[2*page+rnd.IntN(len(b)-2*page)] ^= byte(1 << rnd.IntN(8))
		}
		try(fmt.Sprint("bits ", n), b)
	}
	if seen["part"] < 10 || seen["empty"] == 0 || seen["part"] < 2*seen["little"] {
		t.Errorf("what came of it: %v", seen)
	}
	t.Log(seen)
}

// An index that a process has open is left alone.
func TestRepairOfOpen(t *testing.T) {
	t.Parallel()
	path := tempIndex(t)
	s := openTest(t, path)
	defer closeTest(t, s)
	if _, err := PrepareRepair(path, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
}

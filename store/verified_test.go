package store

import (
	"path/filepath"
	"reflect"
	"testing"

	"duet/store/index"
)

func TestVerified(t *testing.T) {
	t.Parallel()
	s, err := Open(filepath.Join(t.TempDir(), "s.db"), Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := Verified{
		Began: 1, Ended: 2, How: index.ByRule, Content: true, Paths: 3, Files: 4, Bytes: 5, Busy: 6, Missed: 7, Corrupt: 8,
		Unreadable: 9, Failed: 10, Repaired: 11, Compared: true, Drift: 12, Damaged: []index.Path{"a", "b/\xff"},
	}
	if err := s.Update(func(tx *Tx) error { return tx.PutVerified(want) }); err != nil {
		t.Fatal(err)
	}
	err = s.View(func(tx *Tx) error {
		got, err := tx.Verified(true)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := tx.Verified(false); err != nil || !reflect.DeepEqual(got, Verified{}) {
			t.Errorf("of the other kind: got %+v, %v", got, err)
		}
		for err := range Check(tx, CheckOptions{}) {
			t.Error(err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\xff", "\x80\x01\x00", "\x82\x01\x02.."} {
		if v, err := unmarshalVerified([]byte(bad)); err == nil {
			t.Errorf("%q: read as %+v", bad, v)
		}
	}
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"duet/store/index"
)

// damaged writes b to a file and does to it what Duet would: open, read all,
// check, write. Nothing may panic, and what is damaged is said to be so.
func damaged(t *testing.T, b []byte) (openErr, useErr error) {
	t.Helper()
	path := tempIndex(t)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		if after, readErr := os.ReadFile(path); readErr != nil || !bytes.Equal(after, b) {
			t.Errorf("open failed, and changed the file: %v", err)
		}
		return err, nil
	}
	defer s.Close()
	err = s.View(func(tx *Tx) error {
		var found error
		for err := range Check(tx, CheckOptions{}) {
			found = errors.Join(found, err)
		}
		return found
	})
	return nil, errors.Join(err, s.Update(func(tx *Tx) error {
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			if err := edit(tx, r.Path, index.Changed, *file(7, nil)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// goodFile returns the bytes of an index with a few hundred paths.
func goodFile(t *testing.T) []byte {
	t.Helper()
	path := tempIndex(t)
	s := openWith(t, path, Options{Share: "images", Node: testNode})
	ownEdits(t, s, rand.New(rand.NewPCG(1, 1)), benchPaths(400), 100)
	agreements(t, s, benchPaths(200), 100)
	goodIndex(t, s)
	checkStore(t, s)
	size := int64(0)
	view(t, s, func(tx *Tx) error { size = tx.bolt.Size(); return nil })
	closeTest(t, s)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b[:size]
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	good := goodFile(t)
	if openErr, useErr := damaged(t, good); openErr != nil || useErr != nil {
		t.Fatalf("a good file: %v, %v", openErr, useErr)
	}
	page := os.Getpagesize()
	for _, n := range []int{0, 1, 100, page - 1, page, page + 100, 2 * page, 3 * page, 4 * page, len(good) / 2, len(good) - page, len(good) - 1} {
		openErr, useErr := damaged(t, good[:n])
		if !errors.Is(openErr, ErrCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v, %v", n, len(good), openErr, useErr)
		}
	}
}

func TestNotAnIndex(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"text":  bytes.Repeat([]byte("hello "), 10_000),
		"zeros": make([]byte, 1<<20),
	} {
		if openErr, _ := damaged(t, b); !errors.Is(openErr, ErrCorrupt) {
			t.Errorf("%s: %v", name, openErr)
		}
	}
	dir := t.TempDir()
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := Open(filepath.Join(dir, "no", "such"), Options{}); err == nil {
		t.Error("an index was made in a directory that is not there")
	}
}

// TestScribbled overwrites parts of a good file. What cannot be seen at once
// must be an error later, or do no harm; nothing may panic or hang.
func TestScribbled(t *testing.T) {
	t.Parallel()
	good := goodFile(t)
	page := os.Getpagesize()
	seen := make(map[string]int)
	try := func(what string, b []byte) {
		t.Run(what, func(t *testing.T) {
			openErr, useErr := damaged(t, b)
			for _, err := range []error{openErr, useErr} {
				if err != nil {
					seen[fmt.Sprintf("corrupt %v", errors.Is(err, ErrCorrupt))]++
				}
			}
			if openErr != nil && !errors.Is(openErr, ErrCorrupt) && !errors.Is(openErr, ErrFormat) {
				t.Errorf("open: %v", openErr)
			}
		})
	}
	for start := 0; start < len(good); start += page {
		for name, fill := range map[string]byte{"zeros": 0, "ones": 0xff} {
			b := bytes.Clone(good)
			for i := range page {
				b[start+i] = fill
			}
			try(fmt.Sprintf("page %d of %s", start/page, name), b)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for n := range 30 {
		b := bytes.Clone(good)
		for range 1 + rnd.IntN(40) {
			b[2*page+rnd.IntN(len(b)-2*page)] ^= byte(1 << rnd.IntN(8))
		}
		try(fmt.Sprintf("bits %d", n), b)
	}
	if seen["corrupt true"] < 20 {
		t.Errorf("only %v were found to be damaged", seen)
	}
}

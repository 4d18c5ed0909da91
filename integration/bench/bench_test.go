package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The report is written from results alone: medians, a ratio to Duet's, and
// what failed is said rather than left out.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "results.json")
	r, err := loadResults(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []float64{5, 1, 2} {
		r.add(result{Tool: "duet", Work: "first", used: used{Seconds: s, CPU: 1, Wire: 2e6}})
	}
	r.add(result{Tool: "rsync", Work: "first", used: used{Seconds: 6, CPU: 1, Wire: 2e6}})
	r.add(result{Tool: "lsyncd", Work: "first", Error: "not done within 4m0s\nand its log"})
	r.add(result{Tool: "tar | ssh", Work: "first", used: used{Seconds: 1.5}})
	r.add(result{Tool: "duet", Work: "save", used: used{Seconds: 0.012}, Extra: map[string]float64{"p95": 0.06}})
	r.add(result{Tool: "duet", Work: "rename", used: used{Seconds: 0.4, Wire: 3e5}})
	for _, n := range []int{10_000, 1_000_000} {
		r.add(result{Tool: "duet", Work: "scale", Phase: "restart, the scan alone", Files: n,
			used: used{Seconds: float64(n) / 1e5, CPU: float64(n) / 1e5, Largest: 5e7}, Extra: map[string]float64{"find": float64(n) / 1.5e5}})
	}
	if err := r.save(file); err != nil {
		t.Fatal(err)
	}
	if r, err = loadResults(file); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(r, dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| duet | 2.00 s | 1.00 |", "| rsync | 6.00 s | 3.00 |", "| lsyncd | – |", "not done within 4m0s |", "benchmarks/first.svg",
		"| first sync, 20,000 files of 1 to 3 KB | 2.00 s | 1.5 × tar \\| ssh = 2.25 s | yes | tar \\| ssh 1.50 s |",
		"| 12 ms, p95 60 ms | 15 ms, p95 50 ms | **no** |",
		"| 400 ms, 300.0 kB | 500 ms, 500.0 kB | yes |",
		"| restart, the scan alone | 1,000,000 | 10.00 s | 10.0 µs | 10.00 s | 0 B | 50.0 MB | find takes 6.67 s of CPU, so 1.5 times that |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, name := range []string{"first.svg", "growth.svg"} {
		if _, err := os.Stat(filepath.Join(dir, "benchmarks", name)); err != nil {
			t.Error(err)
		}
	}
}

// A newer measurement replaces the older ones of its kind, and no others.
func TestNewerResults(t *testing.T) {
	r := &results{fresh: map[key]bool{}, Runs: []result{{Tool: "duet", Work: "first"}, {Tool: "duet", Work: "burst"}, {Tool: "duet", Work: "first", Delay: 40}}}
	r.add(result{Tool: "duet", Work: "first", used: used{Seconds: 1}})
	r.add(result{Tool: "duet", Work: "first", used: used{Seconds: 3}})
	if len(r.Runs) != 4 {
		t.Errorf("%+v", r.Runs)
	}
	if v, ok := r.median(key{tool: "duet", work: "first"}, seconds); !ok || v != 2 {
		t.Errorf("median %v, %v", v, ok)
	}
}

// A long link delays every byte and loses none, and ends as its ends do.
func TestLongLink(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.(*net.TCPConn).CloseWrite() }() //nolint:errcheck // the other end looks
		}
	}()
	h := &host{jobs: make(chan func())}
	go func() {
		for job := range h.jobs {
			job()
		}
	}()
	k, err := newLongLink(h, "127.0.0.1:0", echo.Addr().String(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	c, err := net.Dial("tcp", k.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	sent := blob(3<<20, 1)
	go func() { c.Write(sent); c.(*net.TCPConn).CloseWrite() }() //nolint:errcheck // what is read tells
	got, err := io.ReadAll(c)
	if err != nil || string(got) != string(sent) {
		t.Errorf("got %d of %d bytes, %v", len(got), len(sent), err)
	}
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back in %v", took)
	}
}

// Trees that differ are told apart, whichever side has more.
func TestDifferent(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	tree := bulk{under: "d", files: 250}
	if err := errors.Join(tree.plant(a), tree.plant(b)); err != nil {
		t.Fatal(err)
	}
	same := func(want bool) {
		t.Helper()
		diffs, err := different(a, b)
		if err != nil || (len(diffs) == 0) != want {
			t.Errorf("different: %v, %v", diffs, err)
		}
	}
	same(true)
	if c := (census{b: tree, root: b}); !c.complete() {
		t.Error("a complete tree is not")
	}
	if err := os.WriteFile(filepath.Join(b, tree.name(7)), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	same(false)
	if err := os.Remove(filepath.Join(b, tree.name(7))); err != nil {
		t.Fatal(err)
	}
	same(false)
	if c := (census{b: tree, root: b}); c.complete() {
		t.Error("an incomplete tree is complete")
	}
	if err := os.Remove(filepath.Join(a, tree.name(7))); err != nil {
		t.Fatal(err)
	}
	same(true)
}

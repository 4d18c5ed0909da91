package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/store/index"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// dirtyLine says what a Dirty is, with times in milliseconds after noon.
func dirtyLine(d Dirty) string {
	s := string(d.Path)
	if d.Recursive {
		s += "/"
	}
	return fmt.Sprintf("%s %d-%d", s, d.First.Sub(noon).Milliseconds(), d.Last.Sub(noon).Milliseconds())
}

func TestDirtySet(t *testing.T) {
	// A step is "mark PATH at MS" (a slash at the end: recursive), "busy PATH
	// at MS until MS", or "due MS LIMIT: what comes out"; "next MS" or "next never".
	tests := []struct {
		name  string
		steps string
	}{
		{"empty", "next never; due 1000 9:"},
		{"settles", "mark a 0; next 5; due 4 9:; due 5 9: a 0-0; next never"},
		{"marked again", "mark a 0; mark a 4; next 9; due 5 9:; due 9 9: a 0-4"},
		{"restless", "mark a 0; mark a 50; mark a 99; next 100; due 99 9:; due 100 9: a 0-99"},
		{"in walk order", "mark a-b 0; mark a/z 1; mark a 2; due 10 9: a 2-2, a/z 1-1, a-b 0-0"},
		{"limit", "mark c 0; mark b 1; mark a 2; due 10 2: b 1-1, c 0-0; due 10 2: a 2-2"},
		{"recursive stays", "mark d/ 0; mark d 1; due 10 9: d/ 0-1"},
		{"busy", "mark a 0; due 5 9: a 0-0; busy a 0 until 55; next 55; due 54 9:; due 55 9: a 0-0"},
		{"busy and marked", "mark a 0; due 5 9: a 0-0; mark a 7; busy a 0 until 10; next 12; due 12 9: a 0-7"},
		{"one waits, one not", "busy a 0 until 50; mark b 10; next 15; due 20 9: b 10-10; next 50"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := NewDirtySet(5 * time.Millisecond)
			for step := range strings.SplitSeq(test.steps, "; ") {
				runDirty(t, s, step)
			}
		})
	}
}

func runDirty(t *testing.T, s *DirtySet, step string) {
	t.Helper()
	var name string
	var a, b int
	switch verb, rest, _ := strings.Cut(step, " "); verb {
	case "mark":
		fmt.Sscanf(rest, "%s %d", &name, &a)
		s.Mark(index.Path(strings.TrimSuffix(name, "/")), strings.HasSuffix(name, "/"), at(a))
	case "busy":
		fmt.Sscanf(rest, "%s %d until %d", &name, &a, &b)
		s.Put(Dirty{Path: index.Path(name), First: at(a), Last: at(a), After: at(b)})
	case "next":
		got := "never"
		if next, ok := s.Next(); ok {
			got = fmt.Sprint(next.Sub(noon).Milliseconds())
		}
		if got != rest {
			t.Errorf("%s: got %s", step, got)
		}
	case "due":
		call, want, _ := strings.Cut(rest, ":")
		fmt.Sscanf(call, "%d %d", &a, &b)
		before := s.Len()
		due := s.Due(at(a), b)
		var got []string
		for _, d := range due {
			got = append(got, dirtyLine(d))
		}
		if strings.Join(got, ", ") != strings.TrimSpace(want) || s.Len() != before-len(due) {
			t.Errorf("%s: got %q, %d left", step, got, s.Len())
		}
	default:
		t.Fatalf("what is %q?", step)
	}
}

// However many paths are marked, the set stays small and covers them all.
func TestDirtySetFolds(t *testing.T) {
	s := NewDirtySet(5 * time.Millisecond)
	s.max = 1000
	var marked []index.Path
	for i := range 5 * s.max {
		p := index.Path(fmt.Sprintf("d%d/e%d/f%d", i%7, i%300, i))
		marked = append(marked, p)
		s.Mark(p, false, at(i/100))
		if s.Len() > s.max {
			t.Fatalf("%d paths", s.Len())
		}
	}
	s.Mark("last", false, at(1000))
	due := s.Due(at(5000), s.max+1)
	for _, p := range marked {
		if !covered(due, p) {
			t.Fatalf("%v got lost", p)
		}
	}
	if !covered(due, "last") || s.Len() != 0 {
		t.Errorf("%d left", s.Len())
	}
}

func TestDirtySetFoldsToTheRoot(t *testing.T) {
	s := NewDirtySet(0)
	s.max = 100
	for i := range s.max + 1 {
		s.Mark(index.Path(fmt.Sprint(i)), false, at(i%10))
	}
	due := s.Due(at(1000), 10)
	if len(due) != 1 || due[0].Path != index.Root || !due[0].Recursive || due[0].First != at(0) || due[0].Last != at(9) {
		t.Errorf("%v", due)
	}
}

func covered(due []Dirty, p index.Path) bool {
	_, ok := slices.BinarySearchFunc(due, p, func(d Dirty, p index.Path) int { return d.Path.Compare(p) })
	for dir := p; !ok && dir != index.Root; {
		dir = dir.Parent()
		i, found := slices.BinarySearchFunc(due, dir, func(d Dirty, p index.Path) int { return d.Path.Compare(p) })
		ok = found && due[i].Recursive
	}
	return ok
}

func BenchmarkDirtySet(b *testing.B) {
	paths := make([]index.Path, 10000)
	for i := range paths {
		paths[i] = index.Path(fmt.Sprintf("d%d/f%d", i%100, i))
	}
	for b.Loop() {
		s := NewDirtySet(5 * time.Millisecond)
		for i, p := range paths {
			s.Mark(p, false, at(i/1000))
			s.Mark(p, false, at(i/1000))
		}
		for s.Len() > 0 {
			s.Next()
			s.Due(at(1000), 256)
		}
	}
}

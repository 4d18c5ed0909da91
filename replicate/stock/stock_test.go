package stock

import (
	"fmt"
	"testing"

	"duet/store/index"
)

func put(s *Contents, path index.Path, text string) {
	s.Put(Content{Path: path, Hash: index.Hash{byte(len(text))}, Bytes: []byte(text)})
}

func TestOldestGoesFirst(t *testing.T) {
	s := Contents{Most: 3 * (1 + 4 + cost)}
	put(&s, "a", "1234")
	put(&s, "b", "1234")
	put(&s, "c", "1234")
	put(&s, "a", "5678") // again: b is the oldest now
	put(&s, "d", "1234")
	for path, want := range map[index.Path]bool{"a": true, "b": false, "c": true, "d": true} {
		if _, ok := s.Get(path, index.Hash{4}); ok != want {
			t.Errorf("%s is held: %v, want %v", path, ok, want)
		}
	}
	if s.bytes != s.Most {
		t.Errorf("%d bytes are held, want %d", s.bytes, s.Most)
	}
}

// TestFewPathsAgainAndAgain: what is remembered of the order is bounded by the
// paths that are held, however often they come.
func TestFewPathsAgainAndAgain(t *testing.T) {
	s := Contents{Most: 1 << 20}
	for i := range 100_000 {
		put(&s, index.Path(fmt.Sprint("p", i%50)), "1234")
		if len(s.order) > 2*50+64+1 {
			t.Fatalf("%d places in the order of %d paths", len(s.order), len(s.byPath))
		}
	}
}

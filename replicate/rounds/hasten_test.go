package rounds

import (
	"testing"
	"time"
)

// The word that these were all deletes ends the rest before the next walk, and
// does so again only after a while: a peer may say it with each of a million.
func TestHeardWholeEndsARest(t *testing.T) {
	r := &Rounds{}
	at := time.Unix(1e9, 0)
	rest := func() { r.kick, r.rest = true, at.Add(restMost) }
	rest()
	if r.More() {
		t.Fatal("it does not rest")
	}
	if r.HeardWhole(at); !r.More() {
		t.Error("it rests although it has the word that these were all")
	}
	rest()
	if r.HeardWhole(at.Add(restMost - 1)); r.More() {
		t.Error("each such word is a walk")
	}
	if r.HeardWhole(at.Add(restMost)); !r.More() {
		t.Error("no such word counts any more")
	}
	*r = Rounds{}
	if r.HeardWhole(at); !r.More() {
		t.Error("it is no reason to look")
	}
}

package replicate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"duet/replicate/report"
	"duet/replicate/wire"
	"duet/store/index"
)

// refuse is a puppet that refuses all contents, as who has another one by now, and
// waits for go before each answer. It tells when it was asked.
func (pp *puppet) refuse(asked chan index.Path, goOn chan struct{}) {
	pp.answer(func(w wire.Want) *wire.Piece {
		asked <- w.Path
		<-goOn
		return &wire.Piece{Last: true, Refusal: wire.Changed}
	})
}

// late is a change of which the content has to be asked for.
func late(pos index.Seq) wire.Change {
	c := fileAt(pos, "x", strings.Repeat(fmt.Sprint("content ", pos), 10))
	c.Content = nil
	return c
}

// A file that is saved faster than its contents can be fetched is not in trouble:
// each time the peer has told of the next save before it refuses the last one.
func TestOutrun(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	asked, goOn := make(chan index.Path), make(chan struct{})
	pp.refuse(asked, goOn)
	tell := func(c wire.Change) {
		pp.say(changes(c))
		pp.hears("that it has heard", func(m wire.Msg) bool { a, ok := m.(*wire.Ack); return ok && a.Heard >= c.Pos })
	}
	tell(late(1))
	for pos := index.Seq(2); pos < 8; pos++ {
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatalf("the save before %d is not asked for", pos)
		}
		tell(late(pos))
		goOn <- struct{}{}
	}
	<-asked
	tell(fileAt(8, "x", "the last one"))
	goOn <- struct{}{}
	p.a.until("the last one", func(st report.Status) bool {
		if len(st.Problems) > 0 {
			t.Fatalf("in trouble: %+v", st.Problems)
		}
		return p.a.read("x") == "the last one"
	})
}

// What the peer refused because it had something else by then is in trouble only
// until the peer tells of that.
func TestToldAfterRefusal(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	pp := p.puppetOf(nil)
	asked, goOn := make(chan index.Path, 100), make(chan struct{})
	close(goOn)
	pp.refuse(asked, goOn)
	pp.say(changes(late(1)))
	p.a.until("trouble", func(st report.Status) bool { return len(st.Problems) > 0 })
	pp.say(changes(fileAt(2, "x", "the next one")))
	p.a.until("the next one", func(st report.Status) bool {
		if st.Heard >= 2 && len(st.Problems) > 0 {
			t.Fatalf("still in trouble: %+v", st.Problems)
		}
		return p.a.read("x") == "the next one"
	})
}

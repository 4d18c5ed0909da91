package inquiry

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/recovery/compare"
	"duet/replicate/link"
	"duet/replicate/link/linktest"
	"duet/replicate/wire"
	"duet/scan"
	"duet/store"
	"duet/store/index"
)

// indexOf is an index of n files, of which some may be changed.
func indexOf(t *testing.T, n int, change map[index.Path]string) compare.Index {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	err = st.Update(func(tx *store.Tx) error {
		for i := range n {
			p := index.Path(fmt.Sprintf("d%d/f%05d", i%7, i))
			content := fmt.Sprint(i)
			if c, ok := change[p]; ok {
				content = c
			}
			e := &index.Entry{Kind: index.File, Hash: scan.SumBytes([]byte(content)), Size: 1, ModTime: 1, Mode: 0o644, Version: index.Version{{Epoch: 9, Seq: 1}}}
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Entry: e})
			if err != nil {
				return err
			}
			if err := tx.Put(&index.Record{Path: p, Ours: e, Theirs: e, Base: e, Pos: pos, Heard: 1}); err != nil {
				return err
			}
		}
		m, err := tx.Meta()
		m.Heard = 1 << 40
		return errors.Join(err, tx.PutMeta(m))
	})
	if err != nil {
		t.Fatal(err)
	}
	return compare.Index{View: st.View}
}

// serving has one end answer from mine, as often as it is asked.
func serving(t *testing.T, conn link.Conn, mine compare.Index) (ended chan error) {
	ended = make(chan error, 10)
	go linktest.Serve(conn, func(s link.Stream) {
		ended <- Serve(context.Background(), s, Answers{Index: mine, Verify: verifying})
	})
	t.Cleanup(func() { conn.Close() })
	return ended
}

func TestCompareOverALink(t *testing.T) {
	change := map[index.Path]string{"d0/f00007": "x", "d6/f08000": "yy", "d3/f09999": "z"}
	for i := range 1500 {
		change[index.Path(fmt.Sprintf("d%d/f%05d", i%7, i))] = "moved"
	}
	mine, theirs := indexOf(t, 10_000, nil), indexOf(t, 10_000, change)
	a, b := linktest.Pipe()
	ended := serving(t, b, theirs)
	ask, err := Ask(context.Background(), a.Open, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []index.Path
	sum, err := compare.Run(context.Background(), mine, ask.Peer(), compare.Options{}, func(d compare.Difference) error {
		if d.State != compare.Drift || d.Letter != compare.Differs {
			t.Errorf("%+v", d)
		}
		got = append(got, d.Path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []index.Path{}
	for p := range change {
		var i int
		if fmt.Sscanf(p.Leaf(), "f%05d", &i); p == index.Path(fmt.Sprintf("d%d/f%05d", i%7, i)) { // else there is no such file
			want = append(want, p)
		}
	}
	slices.SortFunc(want, index.Path.Compare)
	if !slices.Equal(got, want) || sum.Letters[compare.Same] != int64(10_000-len(want)) {
		t.Errorf("%d paths differ, want %d; %+v", len(got), len(want), sum)
	}
	if in, out := a.Traffic(); in > 1<<20 || out > 100<<10 {
		t.Errorf("took %d bytes in, %d out", in, out)
	}
	ask.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Equal indexes cost a few hundred bytes, whatever their size.
func TestEqualCostsNothing(t *testing.T) {
	mine := indexOf(t, 5000, nil)
	a, b := linktest.Pipe()
	serving(t, b, mine)
	ask, err := Ask(context.Background(), a.Open, true)
	if err != nil {
		t.Fatal(err)
	}
	mine.Owners = true
	sum, err := compare.Run(context.Background(), mine, ask.Peer(), compare.Options{}, nil)
	if in, out := a.Traffic(); err != nil || !sum.Agreed() || in+out > 300 {
		t.Errorf("%+v, %v; %d bytes in, %d out", sum, err, in, out)
	}
}

func TestRefused(t *testing.T) {
	a, b := linktest.Pipe()
	go func() {
		s, _ := b.Accept(context.Background())
		Refuse(s, "too busy\x1b[2J")
	}()
	ask, err := Ask(context.Background(), a.Open, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compare.Run(context.Background(), indexOf(t, 1, nil), ask.Peer(), compare.Options{}, nil)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "too busy [2J") {
		t.Errorf("got %v", err)
	}
}

// A stream that an older node closes at once, or one on which nonsense comes
// back, is an error that says so.
func TestBadAnswers(t *testing.T) {
	for name, say := range map[string]func(link.Stream){
		"ended the stream before its answer": func(s link.Stream) {},
		"answered with a *wire.Ack":          func(s link.Stream) { wire.WriteMsg(s, &wire.Ack{}) },
		"answered with a *wire.Listing":      func(s link.Stream) { wire.WriteMsg(s, &wire.Listing{Last: true}) },
		"limit is 1048576":                   func(s link.Stream) { s.Write([]byte{0xff, 0xff, 0xff, 0xff}) },
		"2 digests":                          func(s link.Stream) { wire.WriteMsg(s, &wire.Digests{Digests: make([]wire.Digest, 2)}) },
	} {
		a, b := linktest.Pipe()
		go func() {
			s, _ := b.Accept(context.Background())
			wire.ReadMsg(s)
			say(s)
			s.Close()
		}()
		ask, err := Ask(context.Background(), a.Open, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compare.Run(context.Background(), indexOf(t, 1, nil), ask.Peer(), compare.Options{}, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Questions that break a rule end the stream, and nothing else.
func TestBadQuestions(t *testing.T) {
	for name, q := range map[string]wire.Msg{
		"not a question":   &wire.Ack{},
		"cut outside":      &wire.Compare{Under: "d", Cuts: []index.Path{"e"}},
		"cut after":        &wire.Compare{Through: "d", Cuts: []index.Path{"e"}},
		"backwards":        &wire.Compare{After: "d", Through: "c"},
		"an answer to ask": &wire.Listing{Last: true},
	} {
		a, b := linktest.Pipe()
		ended := serving(t, b, indexOf(t, 3, nil))
		s, err := a.Open(context.Background(), StreamKind)
		if err != nil {
			t.Fatal(err)
		}
		if err := wire.WriteMsg(s, q); err != nil {
			t.Fatal(err)
		}
		if m, err := wire.ReadMsg(s); err == nil {
			t.Errorf("%s: answered with %+v", name, m)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whoever hangs up is not answered any longer.
func TestAskerGivesUp(t *testing.T) {
	a, b := linktest.Pipe()
	mine := indexOf(t, 3, nil)
	began, goOn := make(chan bool), make(chan bool)
	view := mine.View
	mine.View = func(f func(*store.Tx) error) error {
		began <- true
		<-goOn
		return view(f)
	}
	ended := serving(t, b, mine)
	s, err := a.Open(context.Background(), StreamKind)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.WriteMsg(s, &wire.Compare{List: true}); err != nil {
		t.Fatal(err)
	}
	<-began
	s.Close()
	close(goOn)
	select {
	case err := <-ended:
		if err != nil {
			t.Log(err) // that the answer could not be sent
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on for nobody")
	}
}

func TestContextEndsAQuestion(t *testing.T) {
	a, b := linktest.Pipe()
	go b.Accept(context.Background()) // and says nothing
	ctx, cancel := context.WithCancel(context.Background())
	ask, err := Ask(ctx, a.Open, false)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := compare.Run(ctx, indexOf(t, 1, nil), ask.Peer(), compare.Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// verifying tells of a tree of three files, unless it is asked to repair it.
func verifying(ctx context.Context, q *wire.Verify, tell func(*wire.Verified) error) error {
	if q.Repair {
		return errors.New("paused by a person")
	}
	for i := range int64(3) {
		m := &wire.Verified{Files: i + 1, Last: i == 2}
		if i == 1 {
			m.Findings = []wire.Finding{{Path: q.Under, What: wire.Corrupt, Detail: "its hash"}}
		}
		if err := tell(m); err != nil {
			return err
		}
	}
	return nil
}

func TestVerifyOverALink(t *testing.T) {
	a, b := linktest.Pipe()
	serving(t, b, indexOf(t, 1, nil))
	ask, err := Ask(context.Background(), a.Open, false)
	if err != nil {
		t.Fatal(err)
	}
	var files int64
	var found []wire.Finding
	err = ask.Verify(context.Background(), &wire.Verify{Under: "d/x"}, func(v *wire.Verified) error {
		files = v.Files
		found = append(found, v.Findings...)
		return nil
	})
	if err != nil || files != 3 || len(found) != 1 || found[0].Path != "d/x" {
		t.Errorf("%d files, %+v, %v", files, found, err)
	}
	err = ask.Verify(context.Background(), &wire.Verify{Repair: true}, func(*wire.Verified) error { return nil })
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "paused by a person") {
		t.Errorf("got %v", err)
	}
}

package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"duet/store/index"
)

var errCrash = errors.New("crash")

// crasher is a world that stops at the n-th commit, before it or after it.
type crasher struct {
	left  int
	stage string
}

func (c *crasher) commit(stage string) error {
	if stage != c.stage {
		return nil
	}
	if c.left--; c.left == 0 {
		return errCrash
	}
	return nil
}

// resetIndex makes an index that has been in use: agreed paths, own edits, the
// peer's, tombstones and a held conflict, more of them than one chunk.
func resetIndex(t *testing.T, path string) (epoch index.Epoch, head index.Seq) {
	t.Helper()
	s := openWith(t, path, Options{Node: testNode})
	defer closeTest(t, s)
	update(t, s, func(tx *Tx) error {
		for i, p := range benchPaths(2*resetChunk + 100) {
			if err := edit(tx, p, index.Created, *file(byte(i), nil)); err != nil {
				return err
			}
			var err error
			switch i % 5 {
			case 0:
				err = agree(tx, p)
			case 1:
				err = errors.Join(agree(tx, p), edit(tx, p, index.Deleted, index.Entry{Kind: index.Gone, Origin: testNode}))
			case 2:
				err = hear(tx, p, file(byte(i+1), index.Version{{Epoch: 7, Seq: index.Seq(i)}}))
			case 3:
				err = hear(tx, p+".theirs", file(1, index.Version{{Epoch: 7, Seq: index.Seq(i)}}))
			}
			if err != nil {
				return err
			}
		}
		_, err := tx.AddConflict(index.Conflict{Path: "held", Loser: file(1, nil)})
		if err == nil {
			_, err = tx.AddConflict(index.Conflict{Path: "settled", Winner: file(1, nil), Loser: file(2, nil)})
		}
		head = tx.Head()
		return err
	})
	checkStore(t, s)
	return metaOf(t, s).Epoch, head
}

// untilDone runs do on the index until it succeeds, opening it again after each
// crash, and crashes it at a later commit each time.
func untilDone(t *testing.T, path, stage string, do func(*Store) error) (crashes int) {
	t.Helper()
	for n := 1; ; n++ {
		c := &crasher{left: n, stage: stage}
		s, err := Open(path, Options{Node: testNode, Commit: c.commit})
		if err == nil {
			err = errors.Join(do(s), s.Close())
		}
		if err == nil {
			return n - 1
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		// What is half done can be read, and Check says that it is half done.
		ro := openWith(t, path, Options{ReadOnly: true})
		for _, c := range complaints(t, ro, CheckOptions{}) {
			if c != "meta: a reset of the index is unfinished; starting duet finishes it" {
				t.Errorf("check after crash %d: %s", n, c)
			}
		}
		closeTest(t, ro)
		if t.Failed() {
			t.FailNow() // the later crashes would say the same, at length
		}
	}
}

func TestNewEpoch(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"commit", "committed"} {
		t.Run(stage, func(t *testing.T) {
			path := tempIndex(t)
			old, head := resetIndex(t, path)
			crashes := untilDone(t, path, stage, func(s *Store) error {
				if metaOf(t, s).Epoch != old {
					return nil // begun before a crash, and finished by Open
				}
				_, err := s.NewEpoch(time.Unix(2e9, 0), 0)
				return err
			})
			if crashes < 2 {
				t.Errorf("only %d crashes", crashes)
			}
			s := openTest(t, path)
			checkStore(t, s)
			m := metaOf(t, s)
			if m.Epoch>>32 != 2e9 || m.Heard != 0 || m.Acked != 0 || m.PeerEpoch != 0 {
				t.Errorf("meta after a new epoch: %+v", m)
			}
			checkNewEpoch(t, s, m.Epoch, head)
		})
	}
}

func checkNewEpoch(t *testing.T, s *Store, epoch index.Epoch, head index.Seq) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		c, err := tx.Counts()
		want := Counts{Files: (2*resetChunk + 100) / 5 * 4, Conflicts: 1}
		want.Records, want.Wait, want.Bytes = want.Files, want.Files, c.Bytes
		want.Events, want.EventBytes = c.Events, c.EventBytes
		if err != nil || c != want {
			t.Errorf("counts %+v, want %+v, %v", c, want, err)
		}
		if tx.Head() != head+1 {
			t.Errorf("head went from %d to %d", head, tx.Head())
		}
		var last index.Seq
		for r, err := range tx.Since(0) {
			if err != nil {
				return err
			}
			want := fmt.Sprint(index.Version{{Epoch: epoch, Seq: r.Pos}})
			if r.Pos <= last || r.Theirs != nil || r.Base != nil || r.Ours.Version.String() != want || !r.Ours.Live() {
				t.Errorf("record after a new epoch: %+v %+v", r, r.Ours)
				return nil
			}
			last = r.Pos
		}
		for e, err := range tx.EventsBack(0) {
			if err != nil || e.What != index.Forgotten || e.Path != index.Root {
				t.Errorf("last event %+v, %v", e, err)
			}
			break
		}
		return nil
	})
}

func TestForgetPeer(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"commit", "committed"} {
		t.Run(stage, func(t *testing.T) {
			path := tempIndex(t)
			old, head := resetIndex(t, path)
			crashes := untilDone(t, path, stage, func(s *Store) error {
				if metaOf(t, s).PeerEpoch == 99 {
					return nil
				}
				return s.ForgetPeer(testPeer, 99)
			})
			if crashes < 2 {
				t.Errorf("only %d crashes", crashes)
			}
			s := openTest(t, path)
			checkStore(t, s)
			if m := metaOf(t, s); m.Epoch != old || m.Peer != testPeer || m.PeerEpoch != 99 || m.Heard != 0 {
				t.Errorf("meta after the peer was forgotten: %+v", m)
			}
			view(t, s, func(tx *Tx) error {
				c, err := tx.Counts()
				n := int64(2*resetChunk + 100)
				want := Counts{Files: n / 5 * 4, Tombstones: n / 5, Records: n, Wait: n, Conflicts: 1, Bytes: c.Bytes, Events: c.Events, EventBytes: c.EventBytes}
				if err != nil || c != want || tx.Head() != head {
					t.Errorf("counts %+v, want %+v, head %d, was %d, %v", c, want, tx.Head(), head, err)
				}
				for r, err := range tx.Range(index.Root, false) {
					if err != nil || r.Theirs != nil || r.Base != nil || r.Heard != 0 {
						t.Fatalf("record %+v, %v", r, err)
					}
				}
				return nil
			})
		})
	}
}

// The first meeting of two nodes changes nothing in what the first scan found,
// however much that is.
func TestForgetNobody(t *testing.T) {
	t.Parallel()
	commits := 0
	s := openWith(t, tempIndex(t), Options{Node: testNode, Commit: func(stage string) error {
		if stage == "committed" {
			commits++
		}
		return nil
	}})
	defer closeTest(t, s)
	update(t, s, func(tx *Tx) error {
		for i, p := range benchPaths(2*resetChunk + 100) {
			if err := edit(tx, p, index.Created, *file(byte(i), nil)); err != nil {
				return err
			}
		}
		return nil
	})
	records := func() (out []index.Record) {
		view(t, s, func(tx *Tx) error {
			for r, err := range tx.Range(index.Root, false) {
				if err != nil {
					return err
				}
				out = append(out, *r)
			}
			return nil
		})
		return out
	}
	before := records()
	commits = 0
	if err := s.ForgetPeer(testPeer, 99); err != nil {
		t.Fatal(err)
	}
	if commits != 2 {
		t.Errorf("%d commits: it took more than to say whom it met, and that nothing was to be done", commits)
	}
	if after := records(); !reflect.DeepEqual(after, before) {
		t.Error("records are not what they were")
	}
	if m := metaOf(t, s); m.PeerEpoch != 99 {
		t.Errorf("meta %+v", m)
	}
	checkStore(t, s)
}

package talk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duet/replicate/book"
	"duet/replicate/stock"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// No more contents go along than the peer can keep until it gets to them; when it
// has got to some, others do.
func TestWindow(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	st, err := store.Open(filepath.Join(t.TempDir(), "s.db"), store.Options{Share: "s", Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := vfs.Open(root, vfs.Options{Holding: filepath.Join(filepath.Dir(root), "holding")})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	const n, size = 100, 1000
	err = st.Update(func(tx *store.Tx) error {
		m, err := tx.Meta()
		for i := range n {
			p := index.Path(fmt.Sprintf("file%03d", i))
			text := []byte(fmt.Sprintf("%0*d", size, i))
			if err := os.WriteFile(filepath.Join(root, string(p)), text, 0o644); err != nil {
				return err
			}
			e := &index.Entry{Kind: index.File, Hash: scan.SumBytes(text), Size: size, ModTime: 5, Mode: 0o644, Origin: 1,
				Version: index.Version{{Epoch: m.Epoch, Seq: tx.Head() + 1}}}
			pos, err := tx.Note(index.Event{Path: p, What: index.Created, How: index.ByScan, Node: 1, Time: 5, Entry: e})
			if err != nil {
				return err
			}
			if err := tx.Put(&index.Record{Path: p, Ours: e, Stamp: index.Stamp{Ino: 7, Size: size}, Pos: pos, Next: index.Wait}); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sess := New(context.Background(), nil, &book.Book{Store: st, Now: time.Now})
	defer sess.Close()
	sess.window.most = 10 * cost("file000", size)
	along := func(from index.Seq) (with []index.Seq) {
		t.Helper()
		m, err := sess.compose(files, &stock.Contents{Most: maxStock}, from, false)
		if err != nil || m == nil || len(m.Changes) != int(n-from) {
			t.Fatalf("%+v, %v", m, err)
		}
		for _, c := range m.Changes {
			if len(c.Content) > 0 {
				with = append(with, c.Pos)
			}
		}
		return with
	}
	agree := func(pos index.Seq) { sess.window.heard(&wire.Changes{Changes: []wire.Change{{Pos: 1, Agreed: pos}}}) }
	if got := along(0); len(got) != 10 || got[9] != 10 {
		t.Fatalf("along went %d", got)
	}
	if got := along(0); len(got) != 0 {
		t.Errorf("along went %d although the peer has not got to the first", got)
	}
	agree(99)
	if got := along(0); len(got) != 0 {
		t.Errorf("along went %d although the peer has not got to all of the message", got)
	}
	agree(100)
	agree(3) // what it says of older positions takes nothing back
	if got := along(50); len(got) != 10 {
		t.Errorf("along went %d when the peer had got to all", got)
	}
}

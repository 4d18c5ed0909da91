package sim

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"duet/integration/sim/memfs"
	"duet/replicate/link/memnet"
	"duet/replicate/transfer"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
	"duet/store/index"
)

// warm transfers one content, and says one long message, outside of any bubble:
// what compresses them is made once for the whole process, and its channels must
// belong to no bubble.
var warm = sync.OnceFunc(func() {
	warmWire()
	text := strings.Repeat("warm ", 1000)
	d := memfs.New()
	p := memfs.People{D: d}
	p.Write("f", text)
	files, line := d.Open(nil), memnet.Dial(nil, nil)
	defer line.A.Close()
	ctx := context.Background()
	go func() {
		if s, err := line.B.Accept(ctx); err == nil {
			transfer.Serve(ctx, s, shelf{files}, nil, nil)
		}
	}()
	f := transfer.NewFetcher(transfer.Options{Open: line.A.Open, Files: files})
	defer f.Close()
	w := transfer.Want{Path: "f", Hash: scan.SumBytes([]byte(text)), Size: int64(len(text)), Staged: "f",
		Meta: vfs.Meta{Mode: 0o600, UID: -1, GID: -1}}
	f.Fetch(ctx, []transfer.Want{w}, func(r transfer.Result) {
		if r.Err != nil {
			panic(r.Err)
		}
	})
})

func warmWire() {
	m := &wire.Changes{Through: 100, Head: 100}
	for i := range 100 {
		m.Changes = append(m.Changes, wire.Change{Pos: index.Seq(i + 1), Path: "warm/f",
			Entry: &index.Entry{Kind: index.Gone, Version: index.Version{{Epoch: 1, Seq: 1}}}})
	}
	var b bytes.Buffer
	if err := wire.WriteSqueezed(&b, m); err != nil {
		panic(err)
	}
	if _, err := wire.ReadMsg(&b); err != nil {
		panic(err)
	}
}

type shelf struct{ files *memfs.Files }

func (s shelf) Open(p index.Path, _ index.Hash, _ int64) (transfer.Content, error) {
	return s.files.Open(p)
}

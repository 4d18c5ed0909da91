package diff

import (
	"testing"

	"duet/store/index"
)

// BenchmarkDecide is what a verdict costs: of a path in sync, of one to take,
// and of a conflict.
func BenchmarkDecide(b *testing.B) {
	entry := func(time int64, v index.Version) *index.Entry {
		return &index.Entry{Kind: index.File, Hash: index.Hash{byte(time)}, Size: 1, ModTime: time, Mode: 0o644, Version: v, Origin: 1}
	}
	old, mine := index.Version{{Epoch: 1, Seq: 1}}, index.Version{{Epoch: 1, Seq: 2}}
	theirs := index.Version{{Epoch: 1, Seq: 1}, {Epoch: 2, Seq: 7}}
	for name, c := range map[string][2]*index.Entry{
		"same":     {entry(1, old), entry(1, old)},
		"take":     {entry(1, old), entry(2, theirs)},
		"conflict": {entry(3, mine), entry(2, theirs)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(c[0], c[1], Policy{Self: 1, Peer: 2})
			}
		})
	}
}

package inspect

import (
	"os"

	"duet/store"
	"duet/store/index"
)

func (r *run) stats(m store.Meta, file string) error {
	c, err := r.tx.Counts()
	if err != nil {
		return err
	}
	row := Stats{
		Share: r.Share, File: file, Format: m.Format, Node: m.Node.String(), Epoch: m.Epoch.String(),
		Head: uint64(r.tx.Head()), Acked: uint64(m.Acked), Heard: uint64(m.Heard),
		Records: c.Records, Files: c.Files, Dirs: c.Dirs, Links: c.Links, Bytes: c.Bytes, Tombstones: c.Tombstones,
		Take: c.Take, Wait: c.Wait, Held: c.Held, Ignored: c.Left, Conflicts: c.Conflicts, Kept: c.Kept, KeptBytes: c.KeptBytes, Intents: c.Intents,
		Events: c.Events, EventBytes: c.EventBytes, FreeBytes: r.tx.FreeBytes(),
		Connected: m.Connected, Parted: m.Parted, PartedWhy: m.PartedWhy, Clean: m.Clean, Paused: m.Paused, Halt: m.Halt,
	}
	if m.PeerEpoch != 0 {
		row.PeerEpoch = m.PeerEpoch.String()
	}
	if st, err := os.Stat(file); err == nil {
		row.FileBytes = st.Size()
	}
	if c.Records > 0 {
		row.PerPath = (row.FileBytes - row.FreeBytes) / c.Records
	}
	if row.First, err = r.firstTime(r.tx.Events(0)); err != nil {
		return err
	}
	if row.Last, err = r.firstTime(r.tx.EventsBack(0)); err != nil {
		return err
	}
	return r.out.Encode(row)
}

func (r *run) firstTime(events func(func(index.Event, error) bool)) (int64, error) {
	for ev, err := range events {
		return ev.Time, err
	}
	return 0, nil
}

package inspect

import (
	"fmt"
	"slices"
	"strings"

	"duet/cmd/duet/exit"
	"duet/store"
	"duet/store/index"
)

// Dumped is a row of dump: the one key besides "type" holds the thing.
type Dumped struct {
	Type     string    `json:"type"` // meta, record, event, intent, kept, conflict
	Share    string    `json:"share"`
	Meta     *Meta     `json:"meta,omitempty"`
	Record   *Record   `json:"record,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Intent   *Intent   `json:"intent,omitempty"`
	Kept     *Kept     `json:"kept,omitempty"`
	Conflict *Conflict `json:"conflict,omitempty"`
}

// Meta is a store.Meta in a row.
type Meta struct {
	Format    uint32       `json:"format"`
	Node      string       `json:"node"`
	Epoch     string       `json:"epoch"`
	RootIno   uint64       `json:"root_ino"`
	RootDev   uint64       `json:"root_dev"`
	RootFsid  uint64       `json:"root_fsid"`
	Runs      []JournalRun `json:"runs"`
	Peer      string       `json:"peer,omitempty"`
	PeerEpoch string       `json:"peer_epoch,omitempty"`
	PeerRun   string       `json:"peer_run,omitempty"`
	Head      uint64       `json:"head"`
	Heard     uint64       `json:"heard"`
	Acked     uint64       `json:"acked"`
	Connected int64        `json:"connected_ns"`
	Parted    int64        `json:"parted_ns"`
	PartedWhy string       `json:"parted_why,omitempty"`
	Clean     bool         `json:"clean"`
	Approved  string       `json:"approved,omitempty"`
	Paused    bool         `json:"paused"`
	Halt      string       `json:"halt,omitempty"`
	FirstScan bool         `json:"first_scan"`
}

// JournalRun is an index.Run in a row.
type JournalRun struct {
	From uint64 `json:"from"`
	ID   string `json:"id"`
}

func metaRow(m store.Meta, head index.Seq) *Meta {
	row := &Meta{
		Format: m.Format, Node: m.Node.String(), Epoch: m.Epoch.String(),
		RootIno: m.Root.Ino, RootDev: m.Root.Dev, RootFsid: m.Root.Fsid,
		Head: uint64(head), Heard: uint64(m.Heard), Acked: uint64(m.Acked),
		Connected: m.Connected, Parted: m.Parted, PartedWhy: m.PartedWhy, Clean: m.Clean,
		Approved: m.Approved, Paused: m.Paused, Halt: m.Halt, FirstScan: m.FirstScan,
	}
	if m.Peer != 0 {
		row.Peer, row.PeerEpoch, row.PeerRun = m.Peer.String(), m.PeerEpoch.String(), fmt.Sprintf("%016x", m.PeerRun)
	}
	for _, r := range m.Runs {
		row.Runs = append(row.Runs, JournalRun{uint64(r.From), fmt.Sprintf("%016x", r.ID)})
	}
	return row
}

// Intent is an index.Intent in a row.
type Intent struct {
	ID     uint64 `json:"id"`
	Verb   string `json:"verb"`
	Path   string `json:"path"`
	From   string `json:"from,omitempty"`
	Held   string `json:"held,omitempty"`
	Ino    uint64 `json:"ino,omitempty"`
	Entry  *Entry `json:"entry"`
	Reason string `json:"reason,omitempty"`
}

// Types are the types of Dump's rows.
func Types() []string { return []string{"meta", "record", "event", "intent", "kept", "conflict"} }

// dump writes everything that the index holds, or what of it is asked for, in
// one consistent view.
func (r *run) dump(m store.Meta) error {
	if r.Type != "" && !slices.Contains(Types(), r.Type) {
		return exit.Errorf(exit.Usage, "type %q is not known: write one of %s", r.Type, strings.Join(Types(), ", "))
	}
	for _, part := range []struct {
		name string
		dump func() error
	}{
		{"meta", func() error {
			return r.out.Encode(Dumped{Type: "meta", Share: r.Share, Meta: metaRow(m, r.tx.Head())})
		}},
		{"record", r.dumpRecords}, {"event", r.dumpEvents}, {"intent", r.dumpIntents}, {"kept", r.dumpKept}, {"conflict", r.dumpConflicts},
	} {
		if r.Type != "" && r.Type != part.name {
			continue
		}
		if err := part.dump(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dumpRecords() error {
	return r.each(func(rec *index.Record) error {
		row := r.names.record(r.Share, rec)
		return r.out.Encode(Dumped{Type: "record", Share: r.Share, Record: &row})
	})
}

func (r *run) dumpEvents() error {
	for ev, err := range r.tx.Events(1) {
		if err != nil {
			return err
		}
		row := r.names.event(r.Share, ev)
		if err := r.out.Encode(Dumped{Type: "event", Share: r.Share, Event: &row}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dumpKept() error {
	for k, err := range r.tx.AllKept() {
		if err != nil {
			return err
		}
		row := r.names.kept(r.Share, k)
		if err := r.out.Encode(Dumped{Type: "kept", Share: r.Share, Kept: &row}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dumpConflicts() error {
	for c, err := range r.tx.Conflicts() {
		if err != nil {
			return err
		}
		row := r.names.conflict(r.Share, c)
		if err := r.out.Encode(Dumped{Type: "conflict", Share: r.Share, Conflict: &row}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dumpIntents() error {
	intents, err := r.tx.Intents()
	if err != nil {
		return err
	}
	for _, in := range intents {
		row := Intent{ID: in.ID, Verb: in.Verb.String(), Path: in.Path.String(), Held: in.Held, Ino: in.Ino, Entry: r.names.entry(in.Entry)}
		if in.From != index.Root {
			row.From = in.From.String()
		}
		if in.Reason != 0 {
			row.Reason = in.Reason.String()
		}
		if err := r.out.Encode(Dumped{Type: "intent", Share: r.Share, Intent: &row}); err != nil {
			return err
		}
	}
	return nil
}

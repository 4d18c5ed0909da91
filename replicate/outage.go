package replicate

import (
	"fmt"
	"strings"
	"time"

	"duet/replicate/report"
	"duet/store"
)

// outage is the last time apart; nil if there was none. crash is how the run
// before ended, if it did not stop.
func outage(m store.Meta, crash *report.Outage) *report.Outage {
	if crash != nil && crash.From.UnixNano() >= m.Parted {
		out := *crash
		if m.Connected > out.From.UnixNano() {
			out.To = time.Unix(0, m.Connected)
		}
		return &out
	}
	if m.Parted == 0 {
		return nil
	}
	out := &report.Outage{From: time.Unix(0, m.Parted), Why: m.PartedWhy, Kind: "cut"}
	if m.Connected > m.Parted {
		out.To = time.Unix(0, m.Connected)
	}
	switch {
	case strings.Contains(out.Why, "halted"):
		out.Kind = "halted"
	case strings.Contains(out.Why, " stops"), strings.Contains(out.Why, "closed the connection"): // its process has ended, however
		out.Kind = "stopped"
	}
	return out
}

// crashed says how the run before ended, if that was while the nodes were
// connected and without a stop: when the journal was last written to, or later.
func crashed(tx *store.Tx, m store.Meta) *report.Outage {
	if m.Clean || m.Connected == 0 || m.Connected <= m.Parted {
		return nil
	}
	from := m.Apart()
	if e, ok, err := tx.Event(tx.Head()); err == nil && ok {
		from = max(from, e.Time)
	}
	return &report.Outage{
		From: time.Unix(0, from), Kind: "crashed",
		Why: "duet here ended without stopping (a crash, a kill, or a power failure), at that time or later",
	}
}

// leftOutText says what was left out of a plan.
func leftOutText(st report.Status) string {
	lo := st.LeftOut
	var what []string
	if len(lo.Paths) > 0 {
		what = append(what, "all but "+strings.Join(lo.Paths, ", "))
	}
	if lo.Deletes {
		what = append(what, "deletes")
	}
	if lo.Conflicts {
		what = append(what, "conflicts")
	}
	if lo.Skipped > 0 {
		what = append(what, fmt.Sprintf("%d paths by name", lo.Skipped))
	}
	return fmt.Sprintf("plan %s was applied on %s without %s: these wait (%d here, %d on the peer); look at them and apply the rest with `duet recover %s`",
		lo.Plan, lo.On, strings.Join(what, ", "), st.PendingIn, st.PendingOut, st.Name)
}

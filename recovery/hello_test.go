package recovery

import (
	"testing"

	"duet/store"
	"duet/store/index"
)

func TestCheckHello(t *testing.T) {
	const head = 100
	local := store.Meta{
		Epoch: 50, PeerEpoch: 7, Heard: 30, Acked: 60,
		Runs: []index.Run{{From: 10, ID: 1}, {From: 40, ID: 2}, {From: 90, ID: 3}},
	}
	fine := Said{Epoch: 7, Head: 30, HeardEpoch: 50, Heard: 80, HeardRun: 2}
	for name, c := range map[string]struct {
		change func(*Said, *store.Meta)
		want   Histories
	}{
		"as they left":                      {func(*Said, *store.Meta) {}, Histories{}},
		"peer heard all":                    {func(s *Said, _ *store.Meta) { s.Heard, s.HeardRun = 100, 3 }, Histories{}},
		"first of a run":                    {func(s *Said, m *store.Meta) { s.Heard, s.HeardRun, m.Acked = 41, 2, 41 }, Histories{}},
		"last of a run":                     {func(s *Said, m *store.Meta) { s.Heard, s.HeardRun, m.Acked = 40, 1, 40 }, Histories{}},
		"peer heard nothing yet":            {func(s *Said, m *store.Meta) { s.Heard, s.HeardRun, m.Acked = 0, 0, 0 }, Histories{}},
		"run too old to know":               {func(s *Said, m *store.Meta) { s.Heard, s.HeardRun, m.Acked = 10, 9, 0 }, Histories{}},
		"peer forgot":                       {func(s *Said, _ *store.Meta) { s.Heard = 59 }, Histories{PeerForgot: true}},
		"peer lost its index":               {func(s *Said, _ *store.Meta) { s.Epoch, s.HeardEpoch, s.Heard, s.HeardRun = 8, 0, 0, 0 }, Histories{NewPeer: true}},
		"first meeting":                     {func(s *Said, m *store.Meta) { *s = Said{Epoch: 7}; m.PeerEpoch, m.Heard, m.Acked = 0, 0, 0 }, Histories{NewPeer: true}},
		"rolled back":                       {func(s *Said, _ *store.Meta) { s.Heard, s.HeardRun = 101, 3 }, Histories{RolledBack: true}},
		"rolled back and written":           {func(s *Said, _ *store.Meta) { s.Heard, s.HeardRun = 95, 8 }, Histories{RolledBack: true}},
		"rolled back past an epoch":         {func(s *Said, _ *store.Meta) { s.HeardEpoch, s.Heard = 51, 1 }, Histories{RolledBack: true}},
		"heard ahead of its turn":           {func(s *Said, _ *store.Meta) { s.Ahead, s.AheadRun = 95, 3 }, Histories{}},
		"rolled back behind what was ahead": {func(s *Said, _ *store.Meta) { s.Ahead, s.AheadRun = 101, 3 }, Histories{RolledBack: true}},
		"the same, and written":             {func(s *Said, _ *store.Meta) { s.Ahead, s.AheadRun = 95, 8 }, Histories{RolledBack: true}},
		"peer behind what was ahead":        {func(_ *Said, m *store.Meta) { m.Ahead = 31 }, Histories{PeerBehind: true}},
		"we began anew":                     {func(s *Said, _ *store.Meta) { s.HeardEpoch, s.Heard = 49, 5000 }, Histories{}},
		"peer began anew":                   {func(s *Said, _ *store.Meta) { s.Epoch, s.Head = 8, 1 }, Histories{NewPeer: true}},
		"peer rolled back":                  {func(s *Said, _ *store.Meta) { s.Head = 29 }, Histories{PeerBehind: true}},
		"peer rolled back past an epoch":    {func(s *Said, _ *store.Meta) { s.Epoch, s.Head = 6, 40 }, Histories{PeerBehind: true}},
		"peer rolled back, and forgot all":  {func(s *Said, _ *store.Meta) { *s = Said{Epoch: 6, Head: 2} }, Histories{PeerBehind: true}},
		"both rolled back": {
			func(s *Said, _ *store.Meta) { s.Head, s.Heard = 29, 101 }, Histories{RolledBack: true, PeerBehind: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			said, meta := fine, local
			c.change(&said, &meta)
			got := CheckHello(meta, head, said)
			quiet := c.want == (Histories{}) || name == "first meeting"
			if quiet != (got.Why == "") {
				t.Errorf("why: %q", got.Why)
			}
			got.Why = ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

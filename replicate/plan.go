package replicate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"duet/replicate/report"
	"duet/store"
	"duet/store/index"
)

// Plan says what will be done, on both sides, as far as this node has heard.
func (s *Share) Plan(ctx context.Context) (*report.Plan, error) {
	if s.st == nil {
		return nil, s.broken
	}
	st := s.Status()
	p := &report.Plan{
		Share: s.cfg.Name, Made: s.now(), Connected: st.Connected, Outage: st.Outage, Waiting: st.Waiting,
		Held: st.State == report.WaitingApproval && st.Waiting == nil, Steps: []report.PlanStep{},
	}
	p.Ours.First, p.Theirs.First = []string{}, []string{}
	err := s.st.View(func(tx *store.Tx) error {
		m, err := tx.Meta()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%v %d %v %d", m.Epoch, tx.Head(), m.PeerEpoch, m.Heard))
		p.ID = hex.EncodeToString(sum[:4])
		for r, err := range tx.Range(index.Root, false) {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !r.Agreed() && !s.book.Ignores(r) {
				p.Add(r, s.book.Decide(r), s.policy)
			}
		}
		return nil
	})
	return p, err
}

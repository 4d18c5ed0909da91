package replicate

import (
	"context"

	"duet/replicate/report"
	"duet/store/index"
)

// Moment says what the share has to do with one path just now: what its index,
// which can be asked at any time, does not tell.
func (s *Share) Moment(ctx context.Context, p index.Path) (*report.Moment, error) {
	var m report.Moment
	err := s.do(ctx, func(l *loop, done chan<- error) {
		st := s.Status()
		m.State, m.Reason, m.Connected = st.State, st.Reason, st.Connected
		m.Own, m.Above = l.trouble.At(p)
		m.Dirty = l.notice.looks.Marked(p)
		m.Scanning = l.notice.scanning
		m.Moving = l.rounds != nil && l.rounds.Flying(p)
		if w := st.Waiting; w != nil && w.Groups != nil {
			m.Waiting = l.rounds.WaitsWith(p)
		} else if w != nil {
			all := *w
			m.Waiting = &all
		}
		done <- nil
	})
	return &m, err
}

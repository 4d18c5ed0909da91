package post

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"duet/replicate/looks"
	"duet/replicate/report"
	"duet/scan"
)

// stage is a loop that does what it is asked for when turn is called, in order, and
// notes what it did.
type stage struct {
	*Loop
	mail, lane []func()
	did        []string
}

func newStage() *stage {
	s := &stage{}
	s.Loop = &Loop{
		Share: "www",
		Do: func(ctx context.Context, f func(done chan<- error)) error {
			done := make(chan error, 1)
			s.mail = append(s.mail, func() { f(done) })
			s.turn()
			select {
			case err := <-done:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Ask:   func(job func() func()) { s.lane = append(s.lane, func() { s.mail = append(s.mail, job()) }) },
		Wrote: func() { s.did = append(s.did, "wrote") },
	}
	return s
}

func (s *stage) turn() {
	for len(s.mail)+len(s.lane) > 0 {
		queue := &s.mail
		if len(*queue) == 0 {
			queue = &s.lane
		}
		f := (*queue)[0]
		*queue = (*queue)[1:]
		f()
	}
}

// What is written is written in the lane, then looked at in the loop, and only then
// is the share told, and who waits.
func TestWrite(t *testing.T) {
	full := errors.New("disk full")
	for _, want := range []error{nil, full} {
		s := newStage()
		err := s.Write(t.Context(), func() error {
			s.did = append(s.did, "job")
			return want
		}, func(err error) {
			if !errors.Is(err, want) {
				t.Errorf("then got %v, want %v", err, want)
			}
			s.did = append(s.did, "then")
		})
		if !errors.Is(err, want) || !slices.Equal(s.did, []string{"job", "then", "wrote"}) {
			t.Errorf("%v, %v; want %v", s.did, err, want)
		}
	}
	s := newStage()
	if err := s.Write(t.Context(), func() error { return nil }, nil); err != nil || !slices.Equal(s.did, []string{"wrote"}) {
		t.Errorf("with nothing to do then: %v, %v", s.did, err)
	}
}

// Who waits in the loop is told after the share has taken note: what it asks next
// has what was written in it.
func TestWaitTellsLast(t *testing.T) {
	s := newStage()
	done := make(chan error, 1)
	s.Loop.Wrote = func() {
		if len(done) > 0 {
			t.Error("who waits was told before the share")
		}
	}
	s.Wait(func() error { return nil }, nil, done)
	if len(s.lane) != 1 || len(done) != 0 {
		t.Fatalf("%d jobs in the lane, %d told", len(s.lane), len(done))
	}
	s.turn()
	if len(done) != 1 {
		t.Error("who waits was not told")
	}
}

func TestResult(t *testing.T) {
	s := newStage()
	if got, err := Result(t.Context(), s.Loop, func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	gone := errors.New("gone")
	if got, err := Result(t.Context(), s.Loop, func() (int, error) { return 7, gone }); got != 0 || !errors.Is(err, gone) {
		t.Errorf("of what failed: %d, %v", got, err)
	}
	// The loop is not there before the caller has lost interest, and finds nobody.
	late := make(chan func(done chan<- error), 1)
	s.Loop.Do = func(ctx context.Context, f func(done chan<- error)) error {
		late <- f
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Result(ctx, s.Loop, func() (int, error) { return 7, nil }); got != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("of what nobody waits for: %d, %v", got, err)
	}
	ended := make(chan struct{})
	go func() {
		(<-late)(make(chan error, 1))
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the loop waits for who has lost interest")
	}
}

// A share without a root says why, and what to do.
func TestRootless(t *testing.T) {
	s := newStage()
	for state, want := range map[report.State]string{report.RootMissing: "disk is out", report.Starting: `"www" has no root now: disk is out`} {
		s.Loop.Now = func() Now { return Now{State: state, Reason: "disk is out"} }
		if err := s.Rootless(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want it to say %q", state, err, want)
		}
	}
}

func TestMark(t *testing.T) {
	s := newStage()
	dirty := scan.NewDirtySet(time.Millisecond)
	s.Looks = looks.New(dirty)
	s.Mark("a/b", false)
	if dirty.Len() != 1 {
		t.Errorf("%d paths are marked, want 1", dirty.Len())
	}
}

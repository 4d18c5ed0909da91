package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

var (
	fine    = report.Status{Name: "fine", State: report.Watching, Connected: true}
	skipper = report.Status{Name: "skipper", State: report.Watching, Connected: true, Skipped: 1,
		Problems: []report.Problem{{Path: "fifo", Error: "is a FIFO", Skipped: true}}}
	troubled = report.Status{Name: "troubled", State: report.Degraded, Connected: true,
		Problems: []report.Problem{{Path: `"a\nb"`, Error: "permission denied", Next: time.Unix(110, 0)}}}
	held    = report.Status{Name: "held", State: report.Watching, Connected: true, Held: 2, Space: "3 bytes are free"}
	alone   = report.Status{Name: "alone", State: report.Disconnected, Reason: "connection refused", LastError: "connection refused"}
	waiting = report.Status{Name: "waiting", State: report.WaitingApproval, Connected: true,
		Waiting: &report.Waiting{ID: "x", Deletes: 60, Total: 100, Reason: "more than 50%"}}
	halted = report.Status{Name: "halted", State: report.RootMissing, Reason: "there is no /srv/www"}
)

func TestStatusCode(t *testing.T) {
	for _, c := range []struct {
		shares []report.Status
		want   int
	}{
		{[]report.Status{fine, skipper}, exit.OK},
		{[]report.Status{fine, troubled}, exit.Partial},
		{[]report.Status{held, troubled}, exit.Conflicts},
		{[]report.Status{held, alone, fine}, exit.Unreachable},
		{[]report.Status{alone, waiting, held}, exit.MaxDelete},
		{[]report.Status{waiting, halted, alone}, exit.Halted},
	} {
		if got := statusCode(&node.Status{Shares: c.shares}); got != c.want {
			t.Errorf("%s: got %d, want %d", c.shares[0].Name, got, c.want)
		}
	}
}

func TestStatusText(t *testing.T) {
	var b strings.Builder
	s := &node.Status{Node: "a", Peer: node.PeerStatus{Name: "b"}, Running: true, PID: 7,
		Shares: []report.Status{fine, skipper, troubled, held, alone, waiting, halted}}
	if err := statusText(&b, s, time.Unix(100, 0)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"b  not connected\n", "fine      watching",
		"skipper: 1 path skipped",
		`troubled: "a\nb": permission denied; next try in 10s`,
		"held: 2 conflicts waiting for a person: list with 'duet conflicts --share held', settle",
		"held: too little space: 3 bytes are free; free some, or lower min_free",
		"alone: not connected: connection refused",
		"waiting: 60 deletes of 100 wait for approval: more than 50%. Look with 'duet recover waiting --dry-run', then 'duet approve waiting'",
		"halted: there is no /srv/www",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, &b)
		}
	}
	if n := strings.Count(b.String(), "connection refused"); n != 1 {
		t.Errorf("why it is not connected is said %d times:\n%s", n, &b)
	}
	if strings.Contains(b.String(), "fifo") {
		t.Errorf("what is skipped is not a problem:\n%s", &b)
	}
}

func TestGravest(t *testing.T) {
	halt, usage := exit.Errorf(exit.Halted, "halt"), config.Problems{{What: "usage"}}
	for _, c := range []struct {
		errs []error
		code int
		says string
	}{
		{[]error{nil, nil}, exit.OK, ""},
		{[]error{nil, errors.New("plain")}, exit.Partial, "plain"},
		{[]error{errors.New("plain"), halt}, exit.Halted, "plain\nhalt"},
		{[]error{halt, exit.Silent(exit.Partial)}, exit.Halted, "halt"},
		{[]error{usage, nil}, exit.Usage, "usage"},
	} {
		err := gravest(c.errs)
		if exit.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: got %d, %v; want %d, %q", c.errs, exit.Code(err), err, c.code, c.says)
		}
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 999_499: "999 kB",
		999_500: "1.0 MB", 12_345_678: "12 MB", 5e12: "5.0 TB", 5e15: "5.0 PB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

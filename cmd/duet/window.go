package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/replicate/expiry"
)

// window is the flags that select kept versions.
type window struct{ since, until, reason, by, path string }

func (w *window) flags(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.since, "since", "", "displaced since this `time`: 2h ago, or 2026-03-04T12:00")
	f.StringVar(&w.until, "until", "", "displaced before this `time`")
	f.StringVar(&w.reason, "reason", "", "displaced for this `reason`: "+strings.Join(inspect.Reasons(), ", "))
	f.StringVar(&w.by, "by", "", "displaced by a change of this `node`")
	f.StringVar(&w.path, "path", "", "of this `path`, below it, or matching this glob")
	a.completePathFlag(cmd, "kept")
	fixed(cmd, "reason", inspect.Reasons()...)
	if err := cmd.RegisterFlagCompletionFunc("by", a.completeNodes); err != nil {
		panic(err) // only for a flag that is not there
	}
}

// given reports whether anything was selected.
func (w *window) given() bool { return *w != window{} }

// read makes sense of the flags. The path may name the share too.
func (w *window) read(cfg *config.Config, share string, now time.Time) (inspect.Window, string, error) {
	out := inspect.Window{Reason: w.reason, By: w.by}
	var err error
	if w.path != "" {
		if share, out.Pattern, err = locate(cfg, share, w.path); err != nil {
			return out, "", err
		}
	}
	if out.Since, err = moment(w.since, now); err != nil {
		return out, "", err
	}
	out.Until, err = moment(w.until, now)
	return out, share, err
}

// moments are the forms in which a person may write a time, in the local zone.
var moments = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// moment reads a time: so long ago, or a date. 0 for none.
func moment(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if d, err := expiry.ParseAge(s); err == nil && s != "off" {
		return now.Add(-d).UnixNano(), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UnixNano(), nil
	}
	for _, form := range moments {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t.UnixNano(), nil
		}
	}
	return 0, exit.Errorf(exit.Usage, "%q is no time: write how long ago, such as 2h, 90m or 3d, or a date such as 2026-03-04T12:00", s)
}

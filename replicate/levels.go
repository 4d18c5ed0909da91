package replicate

import (
	"log/slog"

	"duet/replicate/report"
)

// levelOf is how loud a change of state is. What comes and goes with every
// saved file is for those who ask for it.
func levelOf(was, is report.State) slog.Level {
	quiet := func(s report.State) bool {
		return s == report.Watching || s == report.Applying || s == report.Staging || s == report.Reconciling
	}
	if quiet(was) && quiet(is) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

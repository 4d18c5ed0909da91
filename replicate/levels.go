package replicate

import "log/slog"

// levelOf is how loud a change of state is. What comes and goes with every
// saved file is for those who ask for it.
func levelOf(was, is State) slog.Level {
	quiet := func(s State) bool {
		return s == Watching || s == Applying || s == Staging || s == Reconciling
	}
	if quiet(was) && quiet(is) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

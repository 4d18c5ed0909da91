package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
)

// logging is how run logs.
type logging struct {
	level   string
	format  string
	verbose bool
}

// serving is what run is told on the command line.
type serving struct {
	logging
	pprof bool
}

func (a *app) runCmd() *cobra.Command {
	var l serving
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service",
		Long: `Run the service in the foreground until SIGTERM or SIGINT, which let what is under way
end first; a second one stops at once. Logs go to standard error, one line per change
of state: text on a terminal, JSON otherwise.`,
		Example: "  duet run\n  duet run --config ./duet.yaml --state ./state --verbose\n" +
			"  duet run --pprof    # then: curl --unix-socket STATE/control.sock http://duet/debug/pprof/profile?seconds=10 > cpu.pprof",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), l) },
	}
	f := cmd.Flags()
	f.StringVar(&l.level, "log-level", envOr("DUET_LOG_LEVEL", "info"), "debug, info, warn or error (DUET_LOG_LEVEL)")
	f.StringVar(&l.format, "log-format", envOr("DUET_LOG_FORMAT", "auto"), "text, json or auto (DUET_LOG_FORMAT)")
	f.BoolVar(&l.verbose, "verbose", false, "also log each file")
	f.BoolVar(&l.pprof, "pprof", false, "serve profiles of this process on the control socket")
	return cmd
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func (l logging) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, exit.Errorf(exit.Usage, "--log-level %q: write debug, info, warn or error", l.level)
	}
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: clipped}
	switch {
	case l.format == "text", l.format == "auto" && terminal(w):
		return slog.New(slog.NewTextHandler(w, opt)), nil
	case l.format == "json", l.format == "auto":
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return nil, exit.Errorf(exit.Usage, "--log-format %q: write text, json or auto", l.format)
}

func (a *app) serve(ctx context.Context, l serving) error {
	log, err := l.logger(a.err)
	if err != nil {
		return err
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	boundMemory(len(cfg.Shares))
	ctx, stop := stopping(ctx, func(sig os.Signal) {
		notify("STOPPING=1")
		log.Info("stopping; once more to stop at once", "signal", sig.String())
	})
	defer stop()
	n, err := node.Open(cfg, node.Options{Log: log, Verbose: l.verbose, Version: versionText(), Pprof: l.pprof, Ready: func() { notify("READY=1") }})
	if err != nil {
		return err
	}
	log.Info("running", "node", cfg.Node, "id", n.ID().String(), "version", versionText(), "config", cfg.File,
		"state", cfg.State, "listen", n.Addr(), "peer", cfg.Peer.Name, "address", cfg.Peer.Address, "pid", os.Getpid())
	err = n.Run(ctx)
	log.Info("stopped")
	return err
}

// stopping returns a context that ends with the first SIGTERM or SIGINT. The
// second ends the process, whatever it is at: any instant is safe.
func stopping(ctx context.Context, first func(os.Signal)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	sigs := make(chan os.Signal, 2)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case sig := <-sigs:
			first(sig)
			cancel()
		case <-ctx.Done():
			return
		}
		fmt.Fprintf(os.Stderr, "duet: %v: stopped at once\n", <-sigs)
		os.Exit(exit.Partial)
	}()
	return ctx, cancel
}

// notify tells systemd, if it started this process, see sd_notify(3).
func notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.Dial("unixgram", name) // a leading '@' is an abstract name, as Go has it
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, state) //nolint:errcheck // nothing depends on it
}

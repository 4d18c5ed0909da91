// Command duet keeps directory trees identical on two hosts, in both
// directions, through outages.
//
// There is one file for each sub-command. Beneath them: config reads
// duet.yaml, node is the running service and the socket that the other
// commands reach it through, inspect answers questions about an index, demo
// plays a whole synchronisation on one host, exit maps errors to statuses.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// app is what every command has.
type app struct {
	in       io.Reader
	out, err io.Writer
	config   string        // --config
	state    string        // --state
	json     bool          // --json
	typed    *bufio.Reader // of in, for questions
	started  bool          // a command's own code has begun: from here on errors are not of usage
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, err: errs}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return exit.OK
	}
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Err != nil {
		fmt.Fprintf(errs, "duet: %v\n", err)
	}
	if !a.started {
		fmt.Fprintf(errs, "write: %s; see '%s --help'\n", cmd.UseLine(), cmd.CommandPath())
		return exit.Usage
	}
	return exit.Code(err)
}

// noArgs refuses a word too many, which is more often a mistake than not.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.Flags().Lookup("share") != nil {
		return fmt.Errorf("%s takes no argument, and was given %q: a share is named with --share", cmd.CommandPath(), args[0])
	}
	if cmd.HasSubCommands() {
		return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("%s takes no argument, and was given %q", cmd.CommandPath(), args[0])
}

// badFlag says how a value is written.
func badFlag(_ *cobra.Command, err error) error {
	if strings.Contains(err.Error(), "time: ") {
		return fmt.Errorf("%w: write a duration such as 500ms, 30s or 5m", err)
	}
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "duet",
		Short: "Keep directories identical on two hosts, in both directions",
		Long: `Duet keeps directories identical on two Linux hosts, in both directions, live
and through outages, over one SSH connection between two pinned keys.

Exit status: 0 in sync or done; 1 done, but some items were skipped or failed, or
another error; 2 usage or config; 3 conflicts wait for a person; 4 the peer cannot be
reached; 7 halted or not running, a person must look; 25 max_delete reached.`,
		Example: `  duet demo                    see it work, on this machine, without configuration
  duet init --node a --listen :7722 --share www=/srv/www
  duet run
  duet status`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.started = true
			return nil
		},
	}
	root.SetFlagErrorFunc(badFlag)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", os.Getenv(config.EnvPrefix+"_CONFIG"),
		"config `file` (DUET_CONFIG; default "+config.DefaultFile()+")")
	f.StringVar(&a.state, "state", os.Getenv(config.EnvPrefix+"_STATE"),
		"state `directory`, instead of the config's (DUET_STATE; default "+config.DefaultState()+")")
	f.BoolVar(&a.json, "json", false, "print JSON, with times in ns since 1970 or RFC 3339 and sizes in bytes")
	root.AddCommand(
		a.initCmd(), a.keyCmd(), a.runCmd(), a.statusCmd(), a.recoverCmd(), a.indexCmd(), a.explainCmd(), a.conflictsCmd(), a.keptCmd(), a.logCmd(),
		a.approveCmd(), a.rejectCmd(), a.pauseCmd(), a.resumeCmd(), a.flushCmd(), a.verifyCmd(), a.doctorCmd(), a.demoCmd(), a.versionCmd(),
	)
	return root
}

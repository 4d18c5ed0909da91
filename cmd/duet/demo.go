package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"duet/cmd/duet/demo"
	"duet/cmd/duet/exit"
)

func (a *app) demoCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo [DIR_A DIR_B]",
		Short: "See it work, on this machine, without configuration",
		Long: `Start two real 'duet run' processes that talk over SSH on loopback.

Without directories, play a worked example: two web servers change files live, are both
stopped, go on changing, and are started again; say what happens, and compare the result
with what must be. Exit status 1 if anything differs.

With two directories, keep those two in sync, until interrupted. What is in only one of
them comes to the other; nothing is deleted.`,
		Example: "  duet demo\n  duet demo ./left ./right",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return errors.New("demo takes no directories, or two")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.demo(cmd.Context(), dir, args) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "put configs, indexes and logs into this new `directory`")
	return cmd
}

func (a *app) demo(ctx context.Context, dir string, args []string) (err error) {
	o := demo.Options{Out: a.out}
	if a.json {
		o.Out = io.Discard
	}
	if o.Exe, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if o.Dir, err = demoDir(dir); err != nil {
		return err
	}
	ctx, stop := stopping(ctx, func(os.Signal) {})
	defer stop()
	if len(args) == 2 {
		return demo.Keep(ctx, o, [2]string(args), a.oneLine(o.Out))
	}
	res, err := demo.Play(ctx, o)
	if ctx.Err() != nil {
		return exit.Errorf(exit.Partial, "interrupted; the files are in %s", o.Dir)
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w\nthe files are in %s", err, o.Dir)
	}
	if a.json {
		if err := a.printJSON(res); err != nil {
			return err
		}
	}
	if !res.OK {
		return exit.Silent(exit.Partial)
	}
	return nil
}

// demoDir is a new directory for everything that the demo makes.
func demoDir(dir string) (string, error) {
	if dir == "" {
		d, err := os.MkdirTemp("", "duet-demo-")
		if err != nil {
			return "", err
		}
		// Others must get through to the trees that are theirs.
		return d, os.Chmod(d, 0o755)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o755)
}

// oneLine writes a line of a terminal over and over; nil if out is none.
func (a *app) oneLine(out io.Writer) func(string) {
	if !terminal(out) {
		return nil
	}
	return func(text string) { fmt.Fprintf(out, "\r%s\x1b[K", text) }
}

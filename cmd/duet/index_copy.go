package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/node"
)

func (a *app) indexCopyCmd() *cobra.Command {
	var share string
	cmd := &cobra.Command{
		Use:   "copy FILE",
		Short: "Write a clean copy of the index to a new file",
		Long: `Write a clean copy of a share's index, as of one moment, to FILE, which must not exist.
The daemon may run meanwhile. An index that is put back from a copy is found out at the
next connection: then the two sides are united, and nothing is deleted.`,
		Example: "  duet index copy --share images /var/backups/images.db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			name, err := only(cfg, share)
			if err != nil {
				return err
			}
			n, err := copyIndex(cmd.Context(), cfg, name, args[0])
			if err != nil {
				return fmt.Errorf("copy the index of %s: %w", name, err)
			}
			if a.json {
				_, err = fmt.Fprintf(a.out, "{\"share\":%q,\"file\":%q,\"bytes\":%d}\n", name, args[0], n)
			} else {
				_, err = fmt.Fprintf(a.out, "wrote %s, %d bytes\n", args[0], n)
			}
			return err
		},
	}
	a.shareFlag(cmd, &share, "the share of this `name`")
	return cmd
}

// copyIndex writes the copy and puts it on stable storage. What could not be
// finished is removed again.
func copyIndex(ctx context.Context, cfg *config.Config, share, file string) (n int64, err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return 0, fmt.Errorf("%w: name a file that is not there yet", err)
	case err != nil:
		return 0, fmt.Errorf("%w: name a file in a directory that is there, and that you may write to", err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	if n, err = writeCopy(ctx, cfg, share, out); err != nil {
		return n, err
	}
	return n, out.Sync()
}

// writeCopy asks the daemon if one runs, else it opens the index file itself.
func writeCopy(ctx context.Context, cfg *config.Config, share string, out io.Writer) (int64, error) {
	client, err := node.Dial(cfg.State)
	switch {
	case err == nil:
		in, err := client.Copy(ctx, share)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(out, in)
		return n, errors.Join(err, in.Close())
	case !errors.Is(err, node.ErrNotRunning):
		return 0, err
	}
	s, err := openIndex(cfg, share)
	if err != nil {
		return 0, err
	}
	n, err := s.CopyTo(out)
	return n, errors.Join(err, s.Close())
}

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/explain"
	"duet/cmd/duet/node"
	"duet/store"
)

func (a *app) explainCmd() *cobra.Command {
	var share string
	cmd := &cobra.Command{
		Use:   "explain PATH",
		Short: "Explain all about one path: what it is, why, and what became of it",
		Long: `Explain one path on one page: what it is here, on the peer, and was when both last
agreed; what each side did since; who has to move, and by which rule; whether it is
ignored, and by which line of which file; what stands in the way, since when, and when it
is tried again; the last ten events, and the kept versions.

Of a path that does not exist: that nobody ever heard of it, and what may be meant; or who
deleted it, when, how that was noticed, whether the peer has acknowledged it, and the
command that brings it back.

PATH is relative to the root of the share, SHARE:PATH, or a path in the filesystem. The
daemon need not run; then what it could not read or install is not known. Exit status 1
if nothing is known of the path.`,
		Example:           "  duet explain images:logo.png\n  duet explain /home/webmgr/contents/images/logo.png\n  duet explain --share images 2026/report.pdf --json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePaths("all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			answer, err := explainPath(cmd.Context(), cfg, share, args[0])
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(answer)
			} else {
				a.printf("%s", answer.Text())
			}
			if err == nil && answer.Is == "unknown" {
				return exit.Silent(exit.Partial)
			}
			return err
		},
	}
	a.shareFlag(cmd, &share, "the share of this `name`")
	return cmd
}

// explainPath asks the daemon if one runs, else the index file itself.
func explainPath(ctx context.Context, cfg *config.Config, share, arg string) (*explain.Answer, error) {
	share, path, err := locate(cfg, share, arg)
	if err != nil {
		return nil, err
	}
	if share == "" {
		return nil, exit.Errorf(exit.Usage, "which share's %s? Write SHARE:%s, or name one with --share: %s", arg, arg, names(cfg.Shares))
	}
	if path == "" {
		return nil, exit.Errorf(exit.Usage, "%q is the root of share %s: name something inside it, or see 'duet status'", arg, share)
	}
	q := explain.Question{Share: share, Path: path}
	client, err := node.Dial(cfg.State)
	if err == nil {
		return client.Explain(ctx, q)
	}
	if !errors.Is(err, node.ErrNotRunning) {
		return nil, err
	}
	st, err := openIndex(cfg, share)
	if err != nil {
		return nil, err
	}
	var answer *explain.Answer
	err = st.View(func(tx *store.Tx) error {
		answer, err = explain.Explain(tx, q, node.Setting(cfg, *cfg.Share(share)))
		return err
	})
	return answer, errors.Join(err, st.Close())
}

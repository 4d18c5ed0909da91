package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/store/index"
)

func (a *app) conflictsDiffCmd() *cobra.Command {
	var share string
	cmd := &cobra.Command{
		Use:   "diff PATH",
		Short: "Show what differs between the two sides of a conflict",
		Long: `Show what differs between the two sides of the conflict of a path: of text files of up
to 4 MiB as a unified diff, from what this node had (-) to what the peer had (+); of
anything else their sizes and hashes. What is not here is asked from the peer. The daemon
must be running.`,
		Example:           "  duet conflicts diff index.html\n  duet conflicts diff images:index.html | less",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completePaths(""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.conflictDiff(cmd.Context(), share, args[0])
		},
	}
	a.shareFlag(cmd, &share, "the share of this `name`")
	return cmd
}

func (a *app) conflictDiff(ctx context.Context, share, arg string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	share, path, err := locate(cfg, share, arg)
	if err != nil {
		return err
	}
	if share, err = only(cfg, share); err != nil {
		return err
	}
	client, err := node.Dial(cfg.State)
	if err != nil {
		return err
	}
	sides, err := client.Sides(ctx, node.SidesRequest{Share: share, Path: path})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(sides)
	}
	text, err := sidesText(index.Quote(path), cfg.Node, cfg.Peer.Name, sides)
	if terminal(a.out) {
		text = harmless(text)
	}
	a.printf("%s", text)
	return err
}

// sidesText is the difference between two sides for people.
func sidesText(path, self, peer string, s *node.Sides) (string, error) {
	ours, theirs := s.Ours, s.Theirs
	for _, side := range []node.Side{ours, theirs} {
		switch {
		case side.Error == "":
		case side.Away:
			return aboutSides(path, self, peer, s), exit.Errorf(exit.Unreachable, "%s", side.Error)
		case side.Large:
			return aboutSides(path, self, peer, s), nil
		default:
			return aboutSides(path, self, peer, s), fmt.Errorf("%s", side.Error)
		}
	}
	if !isFile(ours.Entry) || !isFile(theirs.Entry) || binary(ours.Content) || binary(theirs.Content) {
		return aboutSides(path, self, peer, s), nil
	}
	label := func(who string, e *inspect.Entry) string {
		return fmt.Sprintf("%s\t%s, %s", path, who, timeText(time.Unix(0, e.ModTime)))
	}
	out := diff.Diff(label(self, ours.Entry), ours.Content, label(peer, theirs.Entry), theirs.Content)
	if out == nil {
		return "", nil
	}
	_, out, _ = bytes.Cut(out, []byte("\n")) // a line that only repeats the two labels
	return string(out), nil
}

// aboutSides says what can be said of two sides that are not both text.
func aboutSides(path, self, peer string, s *node.Sides) string {
	var b strings.Builder
	switch {
	case isFile(s.Ours.Entry) && isFile(s.Theirs.Entry) && (s.Ours.Large || s.Theirs.Large):
		fmt.Fprintf(&b, "files %s differ, and are too large to be shown\n", path)
	case isFile(s.Ours.Entry) && isFile(s.Theirs.Entry):
		fmt.Fprintf(&b, "binary files %s differ\n", path)
	default:
		fmt.Fprintf(&b, "%s is not the same kind of thing, or no file\n", path)
	}
	for _, side := range []struct {
		who string
		e   *inspect.Entry
	}{{self, s.Ours.Entry}, {peer, s.Theirs.Entry}} {
		fmt.Fprintf(&b, "  %s: ", side.who)
		switch e := side.e; {
		case e == nil:
			b.WriteString("nothing\n")
		case isFile(e):
			fmt.Fprintf(&b, "%d bytes, %s, %s\n", e.Size, timeText(time.Unix(0, e.ModTime)), e.Hash)
		case e.Target != "":
			fmt.Fprintf(&b, "%s to %s\n", e.Kind, e.Target)
		default:
			fmt.Fprintf(&b, "%s\n", e.Kind)
		}
	}
	return b.String()
}

func isFile(e *inspect.Entry) bool { return e != nil && e.Kind == index.File.String() }

// binary reports whether b is no text, as git tells: by a NUL near its beginning.
func binary(b []byte) bool { return bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 }

// harmless takes out of a text what could steer a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, text)
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/inspect"
)

// patient is how long a shell that completes a word may be kept waiting.
const patient = 2 * time.Second

// completer offers words to the shell.
type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// completePaths offers paths of shares, one directory level at a time, in the
// form in which the word was begun: SHARE:PATH, absolute, or relative. of says
// which: "" what is there, "all" also what was deleted, "kept" what there are
// kept versions of.
func (a *app) completePaths(of string) completer {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !strings.HasSuffix(cmd.Use, "...]") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		share, _ := cmd.Flags().GetString("share") // none: ""
		return a.offerPaths(of, share, word)
	}
}

// shareFlag is --share.
func (a *app) shareFlag(cmd *cobra.Command, name *string, usage string) {
	cmd.Flags().StringVar(name, "share", "", usage)
	if err := cmd.RegisterFlagCompletionFunc("share", a.completeShare); err != nil {
		panic(err) // only for a flag that is not there
	}
}

// completePathFlag is completePaths for --path, where an argument may name the
// share.
func (a *app) completePathFlag(cmd *cobra.Command, of string) {
	err := cmd.RegisterFlagCompletionFunc("path", func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		share, err := cmd.Flags().GetString("share")
		if err != nil {
			share = first(args)
		}
		return a.offerPaths(of, share, word)
	})
	if err != nil {
		panic(err) // only for a flag that is not there
	}
}

func (a *app) offerPaths(of, share, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	cfg, err := a.load()
	if err != nil {
		return nil, nothing
	}
	b := beginning(cfg, share, word)
	if b.words != nil {
		return b.words, nothing | cobra.ShellCompDirectiveNoSpace
	}
	q := inspect.Query{Kind: inspect.Complete, Share: b.share, Pattern: b.path, All: of == "all"}
	if of == "kept" {
		q.Type = of
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	var words []cobra.Completion
	for _, o := range offers(ctx, cfg, q) {
		w := b.before + strings.TrimPrefix(o.Path, b.root)
		if o.Dir {
			w += "/"
		}
		words = append(words, w)
	}
	if len(words) == 1 && strings.HasSuffix(words[0], "/") {
		return words, nothing | cobra.ShellCompDirectiveNoSpace
	}
	return words, nothing
}

// begun is a word that names a path, or will.
type begun struct {
	share  string
	path   string             // so far, from the share's root
	before string             // what the word has instead of root
	root   string             // the beginning of path that the word does not have
	words  []cobra.Completion // not nil: the word does not name a share yet, and may go on with these
}

// beginning finds out which share a word is about.
func beginning(cfg *config.Config, share, word string) begun {
	if share == "" {
		if name, rest, ok := strings.Cut(word, ":"); ok && cfg.Share(name) != nil {
			rest = strings.TrimLeft(rest, "/")
			return begun{share: name, path: rest, before: name + ":"}
		}
	}
	if filepath.IsAbs(word) {
		return absolute(cfg, word)
	}
	if share == "" {
		if here, err := os.Getwd(); err == nil {
			if name, dir, err := below(cfg, here); err == nil && !strings.HasPrefix(word, "../") {
				if dir != "" {
					dir += "/"
				}
				return begun{share: name, path: dir + strings.TrimPrefix(word, "./"), root: dir, before: word[:len(word)-len(strings.TrimPrefix(word, "./"))]}
			}
		}
		if len(cfg.Shares) > 1 {
			words := []cobra.Completion{}
			for _, s := range cfg.Shares {
				words = append(words, s.Name+":")
			}
			return begun{words: words}
		}
		share = cfg.Shares[0].Name
	}
	return begun{share: share, path: word}
}

// absolute is for a word that begins with a slash: in a share, or on the way to
// one.
func absolute(cfg *config.Config, word string) begun {
	words := []cobra.Completion{}
	for _, s := range cfg.Shares {
		root := strings.TrimSuffix(filepath.Clean(s.Path), "/") + "/"
		if rest, ok := strings.CutPrefix(word, root); ok {
			return begun{share: s.Name, path: rest, before: root}
		}
		if strings.HasPrefix(root, word) {
			words = append(words, root)
		}
	}
	return begun{words: words}
}

// offers asks for what a word can go on with; no answer is no offer.
func offers(ctx context.Context, cfg *config.Config, q inspect.Query) (list []inspect.Offered) {
	answer, err := ask(ctx, cfg, q)
	if err != nil {
		return nil
	}
	defer answer.Close()
	lines := json.NewDecoder(bufio.NewReader(answer))
	for {
		var o inspect.Offered
		if lines.Decode(&o) != nil {
			return list
		}
		list = append(list, o)
	}
}

// completeKept offers the ids of the newest kept versions.
func (a *app) completeKept(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	q := inspect.Query{Kind: inspect.KeptLs, Limit: offeredKept}
	return completeIDs(a, cmd, args, word, q, func(k inspect.Kept) (uint64, string) {
		return k.ID, fmt.Sprintf("%s, %s %s", k.Path, k.Reason, inspect.When(k.Time))
	})
}

// completeRulings offers the ids of what people settled.
func (a *app) completeRulings(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeIDs(a, cmd, args, word, inspect.Query{Kind: inspect.Rulings}, func(u inspect.Ruling) (uint64, string) {
		return u.ID, fmt.Sprintf("%s, %s", u.What, inspect.When(u.Time))
	})
}

// completeIDs offers what rows of the one share that can be meant are called.
func completeIDs[R any](a *app, cmd *cobra.Command, args []string, word string, q inspect.Query, of func(R) (uint64, string)) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	cfg, err := a.load()
	if err != nil || len(args) > 0 {
		return nil, nothing
	}
	q.Share, _ = cmd.Flags().GetString("share")
	if q.Share, err = only(cfg, q.Share); err != nil {
		return nil, nothing
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	answer, err := ask(ctx, cfg, q)
	if err != nil {
		return nil, nothing
	}
	defer answer.Close()
	var words []cobra.Completion
	for lines := json.NewDecoder(bufio.NewReader(answer)); ; {
		var row R
		if lines.Decode(&row) != nil {
			return words, nothing
		}
		n, what := of(row)
		if id := fmt.Sprint(n); strings.HasPrefix(id, word) {
			words = append(words, cobra.CompletionWithDesc(id, what))
		}
	}
}

// offeredKept is how many kept versions a shell is offered.
const offeredKept = 100

// completeNodes offers the names of the two nodes.
func (a *app) completeNodes(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	cfg, err := a.load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{cfg.Node, cfg.Peer.Name}, cobra.ShellCompDirectiveNoFileComp
}

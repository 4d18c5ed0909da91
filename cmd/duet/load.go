package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duet/cmd/duet/config"
	"duet/cmd/duet/exit"
	"duet/cmd/duet/inspect"
)

func (a *app) configFile() string {
	if a.config != "" {
		return a.config
	}
	return config.DefaultFile()
}

// stateDir is --state as an absolute path, "" if it is not given.
func (a *app) stateDir() (string, error) {
	if a.state == "" {
		return "", nil
	}
	return filepath.Abs(a.state)
}

// load reads the config that the command line names.
func (a *app) load() (*config.Config, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(a.configFile())
	if err != nil {
		return nil, err
	}
	return config.Load(file, state)
}

// shares are those that a command is about: the named one, or all.
func shares(cfg *config.Config, name string) ([]config.Share, error) {
	if name == "" {
		return cfg.Shares, nil
	}
	if s := cfg.Share(name); s != nil {
		return []config.Share{*s}, nil
	}
	return nil, exit.Errorf(exit.Usage, "there is no share %q in %s: the shares are %s", name, cfg.File, names(cfg.Shares))
}

// only is the share that a command is about, where it can be but one.
func only(cfg *config.Config, name string) (string, error) {
	list, err := shares(cfg, name)
	if err != nil {
		return "", err
	}
	if len(list) > 1 {
		return "", exit.Errorf(exit.Usage, "which share? Name one of %s", names(list))
	}
	return list[0].Name, nil
}

// resolved follows the symlinks in a path, as far as it is there.
func resolved(path string) string {
	path = filepath.Clean(path)
	for rest := ""; ; {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(real, rest)
		}
		if path == "/" || path == "." {
			return filepath.Join(path, rest)
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

func names(list []config.Share) string {
	text := make([]string, len(list))
	for i, s := range list {
		text[i] = s.Name
	}
	return strings.Join(text, ", ")
}

// completeShare offers the shares' names to the shell.
func (a *app) completeShare(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := a.load()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	for _, s := range cfg.Shares {
		list = append(list, s.Name)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// locate finds out which path of which share a person means. It may be given
// as SHARE:PATH, as an absolute path, relative to the working directory if that
// is in a share, or relative to the root of the one share that it can be about.
// An escaped path, as Duet prints it, is understood. share is "" if any share can
// be meant.
func locate(cfg *config.Config, share, arg string) (string, string, error) {
	if strings.HasPrefix(arg, `"`) {
		if raw, err := strconv.Unquote(arg); err == nil {
			arg = raw
		}
	}
	if name, rest, ok := strings.Cut(arg, ":"); ok && share == "" && cfg.Share(name) != nil {
		if strings.HasPrefix(rest, `"`) {
			if raw, err := strconv.Unquote(rest); err == nil {
				rest = raw
			}
		}
		return name, strings.Trim(rest, "/"), nil
	}
	if share == "" && !inspect.IsGlob(arg) && !filepath.IsAbs(arg) {
		// Who works in a share means what a shell would mean.
		if here, err := os.Getwd(); err == nil {
			if _, _, err := below(cfg, here); err == nil {
				arg = filepath.Join(here, arg)
			}
		}
	}
	if strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") || arg == "." || arg == ".." {
		abs, err := filepath.Abs(arg)
		if err != nil {
			return "", "", err
		}
		if _, _, err := below(cfg, abs); err == nil {
			arg = abs
		}
	}
	if filepath.IsAbs(arg) {
		return below(cfg, arg)
	}
	if share != "" {
		if _, err := shares(cfg, share); err != nil {
			return "", "", err
		}
	} else if len(cfg.Shares) == 1 {
		share = cfg.Shares[0].Name
	}
	if arg == ".." || strings.HasPrefix(arg, "../") {
		return "", "", exit.Errorf(exit.Usage, "%s is in no share: write a path as it is in the share, such as images/logo.png, or the whole of it, from /", arg)
	}
	return share, strings.Trim(strings.TrimPrefix(arg, "./"), "/"), nil
}

// below finds the share that an absolute path is in: as it is written, or else
// by following symlinks on the way to it, but never that of its own name.
func below(cfg *config.Config, abs string) (share, path string, err error) {
	abs = filepath.Clean(abs)
	for _, resolve := range []func(string) string{filepath.Clean, resolved} {
		path := abs
		if abs != "/" {
			path = filepath.Join(resolve(filepath.Dir(abs)), filepath.Base(abs))
		}
		for _, s := range cfg.Shares {
			root := resolve(s.Path)
			if path == root {
				return s.Name, "", nil
			}
			if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/"); ok {
				return s.Name, rest, nil
			}
		}
	}
	return "", "", exit.With(exit.Usage, fmt.Errorf("%s is in no share: the shares are %s", abs, names(cfg.Shares)))
}

// fixed offers the shell a flag's few possible values.
func fixed(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // only for a flag that is not there
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// verdict is what became of a mutant.
type verdict int

const (
	killed   verdict = iota // its test failed
	survived                // its test passed: the guard is not tested
	misfit                  // the patch does not apply: the code has changed
	broken                  // it does not build, or has no test
)

func (v verdict) String() string {
	return [...]string{"killed", "SURVIVED", "DOES NOT APPLY", "BROKEN"}[v]
}

// lab is a copy of the module in which patches are applied and taken back.
type lab struct{ dir string }

func moduleRoot(ctx context.Context) (string, error) {
	out, err := command(ctx, "", "go", "env", "GOMOD")
	if err != nil {
		return "", fmt.Errorf("find the module: %w: %s", err, out)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// newLab copies the module: the commit, or if that is empty all files that git
// does not ignore, as they are now.
func newLab(ctx context.Context, root, commit string) (l *lab, err error) {
	dir, err := os.MkdirTemp("", "duet-mutants")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	l = &lab{dir}
	if commit != "" {
		out, err := command(ctx, root, "sh", "-c", `git archive "$0" | tar -x -C "$1"`, commit, dir)
		if err != nil {
			return nil, fmt.Errorf("copy commit %s: %w: %s", commit, err, out)
		}
		return l, nil
	}
	out, err := command(ctx, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("list the files of the module: %w: %s", err, out)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted in the working tree
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}

// try applies a mutant, runs its test, and takes the mutant back.
func (l *lab) try(ctx context.Context, m mutant) (verdict, string) {
	if out, err := command(ctx, l.dir, "git", "apply", m.file); err != nil {
		return misfit, string(out)
	}
	out, err := l.test(ctx, m.test)
	if err == nil {
		// A few guards are against races that a test does not meet every time.
		out, err = l.test(ctx, m.test)
	}
	if undo, err := command(context.WithoutCancel(ctx), l.dir, "git", "apply", "--reverse", m.file); err != nil {
		return broken, fmt.Sprintf("the patch cannot be taken back: %v: %s", err, undo)
	}
	switch {
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")),
		bytes.Contains(out, []byte("no tests to run")), ctx.Err() != nil:
		return broken, string(out)
	case err == nil:
		return survived, string(out)
	}
	return killed, string(out)
}

// test runs tests. The paths are trimmed so that all labs share what is built.
func (l *lab) test(ctx context.Context, s suite) ([]byte, error) {
	return command(ctx, l.dir, "go", "test", "-trimpath", "-vet=off", "-count=1", "-failfast", "-timeout", "100s", "-run", s.run, s.pkg)
}

func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DUET_PATIENCE=8s") // most tests are to fail
	return cmd.CombinedOutput()
}

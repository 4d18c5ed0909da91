package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"duet/cmd/duet/config"
	"duet/replicate/report"
)

const liveShare = "demo"

// Keep keeps two directories in sync until ctx ends, and shows how far it is.
// line overwrites one line of a terminal; nil if there is none.
func Keep(ctx context.Context, o Options, dirs [2]string, line func(string)) error {
	p := newPair(o.Exe, o.Dir)
	for i, s := range p.sides() {
		root, err := filepath.Abs(dirs[i])
		if err != nil {
			return err
		}
		if st, err := os.Stat(root); err != nil {
			return fmt.Errorf("%w: make the directory first", err)
		} else if !st.IsDir() {
			return fmt.Errorf("%s is not a directory", root)
		}
		s.roots[liveShare] = root
	}
	err := p.configure([]string{liveShare}, func(s *side, _ string) config.Share {
		share := config.Defaults()
		share.Holding = ownHolding(s.roots[liveShare])
		fmt.Fprintf(o.Out, "%s is %s; what is displaced there is kept in %s\n", s.name, s.roots[liveShare],
			cmp.Or(share.Holding, filepath.Join(s.roots[liveShare], ".duet")))
		return share
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "configs, logs and indexes: %s\n", o.Dir)
	for _, s := range p.sides() {
		if err := p.start(ctx, s); err != nil {
			return errors.Join(err, p.stop())
		}
	}
	fmt.Fprintf(o.Out, "both run; change something in either directory; end with Ctrl-C\n")
	err = p.show(ctx, o.Out, line)
	fmt.Fprintf(o.Out, "\nstopping both; kept versions stay where they are, the rest goes with: rm -r %s\n", o.Dir)
	return errors.Join(err, p.stop())
}

// ownHolding is a holding area of the directory's own beside it: two
// directories side by side, with the same share name, would choose one and
// the same. "" if there can be none.
func ownHolding(root string) string {
	dir := filepath.Join(filepath.Dir(root), ".duet-"+liveShare+"-"+filepath.Base(root))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return ""
	}
	a, errA := os.Stat(dir)
	b, errB := os.Stat(root)
	if errA != nil || errB != nil || a.Sys().(*syscall.Stat_t).Dev != b.Sys().(*syscall.Stat_t).Dev {
		os.Remove(dir) //nolint:errcheck // it stays if it is not empty
		return ""
	}
	return dir
}

// show says how both sides are, whenever that changes.
func (p *pair) show(ctx context.Context, out io.Writer, line func(string)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, said := "", time.Time{}
	for {
		text, err := p.oneLine(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = p.alive()
		}
		if err != nil {
			return err
		}
		if line != nil {
			line(text)
		} else if text != last && (time.Since(said) > time.Second || strings.HasPrefix(text, "in sync")) {
			fmt.Fprintln(out, text)
			last, said = text, time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *pair) oneLine(ctx context.Context) (string, error) {
	var st [2]report.Status
	for i, s := range p.sides() {
		all, err := s.status(ctx)
		if err != nil {
			return "", errors.Join(err, p.alive())
		}
		st[i] = all.Shares[0]
	}
	if st[0].InSync() && st[1].InSync() && st[0].Files == st[1].Files {
		text := fmt.Sprintf("in sync: %s, %s, %.1f MB; %s, %s",
			report.Count(st[0].Files, "file"), report.Count(st[0].Dirs, "directory"), float64(st[0].Bytes)/1e6,
			report.Count(st[0].Conflicts, "conflict"), report.Count(st[0].Kept+st[1].Kept, "kept version"))
		if lag := max(st[0].LagMS, st[1].LagMS); lag > 0 {
			text += fmt.Sprintf("; the last change took %.0f ms", lag)
		}
		return text, nil
	}
	text := ""
	for i, s := range p.sides() {
		text += fmt.Sprintf("%s %s%s; ", s.name, st[i].State, doing(st[i]))
	}
	return text[:len(text)-2], nil
}

func doing(st report.Status) string {
	if p := st.Progress; p != nil {
		text := fmt.Sprintf(" (%s %d", p.Phase, p.Done)
		if p.Total > 0 {
			text += fmt.Sprintf(" of %d", p.Total)
		}
		if p.Left > 0 {
			text += fmt.Sprintf(", %.0f s left", p.Left)
		}
		return text + ")"
	}
	if len(st.Problems) > 0 {
		return fmt.Sprintf(" (%s: %s)", st.Problems[0].Path, st.Problems[0].Error)
	}
	if st.PendingIn > 0 {
		return fmt.Sprintf(" (%d to do)", st.PendingIn)
	}
	return ""
}

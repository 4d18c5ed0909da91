package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"duet/cmd/duet/inspect"
)

// afterLive is what both must have before the outage: path to content.
func afterLive() map[string]string {
	return map[string]string{
		cgi: text32 + text52, webOld: "", "images/imgfile3.png": "",
	}
}

// afterOutage is what both must have after it.
func afterOutage(deletes string) map[string]string {
	want := map[string]string{
		cgi:                     text32 + text52 + textOfB,
		"images/tgt-a-new1.img": "", "images/tgt-a-new2.img": "",
		"images/tgt-b-new3.jpg": "", "images/tgt-b-new4.jpg": "",
	}
	if deletes == "running" {
		want[webOld], want["images/imgfile3.png"] = "", ""
	}
	return want
}

func (s *story) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.wrong = append(s.wrong, text)
	s.say("  WRONG: %s", text)
}

// expect compares both sides with what must be.
func (s *story) expect(want map[string]string) error {
	for _, side := range s.sides() {
		got := map[string]item{}
		for share, root := range side.roots {
			tree, err := read(root)
			if err != nil {
				return err
			}
			for path, it := range tree {
				got[share+"/"+path] = it
			}
		}
		for _, path := range slices.Sorted(maps.Keys(want)) {
			it, there := got[path]
			switch {
			case !there:
				s.fault("%s lacks %s", side.name, path)
			case it.content != want[path]:
				s.fault("%s: %s is %q, must be %q", side.name, path, it.content, want[path])
			case side.owner.user != "" && it.uid != side.owner.uid:
				s.fault("%s: %s belongs to user %d, must belong to %s", side.name, path, it.uid, side.owner.user)
			}
		}
		for _, path := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[path]; !ok {
				s.fault("%s has %s, which must not be there", side.name, path)
			}
		}
	}
	return nil
}

// command runs a command on a side's config, as a user would, and shows it.
func (s *story) command(ctx context.Context, on *side, args ...string) error {
	out, err := s.duet(ctx, on, args...)
	s.say("  %s$ duet %s", on.name, strings.Join(args, " "))
	for line := range strings.Lines(out) {
		fmt.Fprintf(s.out, "    %s", line)
	}
	return err
}

func (s *story) duet(ctx context.Context, on *side, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.exe, append([]string{"--config", on.config}, args...)...)
	cmd.Env = plainEnv()
	out, err := cmd.Output()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exited.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s: duet %s: %w", on.name, strings.Join(args, " "), err)
	}
	return string(out), nil
}

func list[R any](ctx context.Context, s *story, on *side, args ...string) ([]R, error) {
	out, err := s.duet(ctx, on, append(args, "--json")...)
	if err != nil {
		return nil, err
	}
	var rows []R
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		return nil, fmt.Errorf("%s: duet %s: %w", on.name, strings.Join(args, " "), err)
	}
	return rows, nil
}

// keptVersion shows the conflict, and that the loser's bytes are still there:
// on tgt-a, which gave way.
func (s *story) keptVersion(ctx context.Context) error {
	s.say("\nBoth had changed %s. The newer change, tgt-b's, won; tgt-a's is kept:\n", filepath.Base(cgi))
	if err := errors.Join(s.command(ctx, s.a, "conflicts"), s.command(ctx, s.a, "kept", "ls", "--share", "cgi-bins")); err != nil {
		return err
	}
	conflicts, err := list[inspect.Conflict](ctx, s, s.a, "conflicts")
	if err != nil {
		return err
	}
	if len(conflicts) != 1 || conflicts[0].Share+"/"+conflicts[0].Path != cgi {
		s.fault("tgt-a lists %d conflicts, must list the one of %s", len(conflicts), cgi)
	}
	kept, err := list[inspect.Kept](ctx, s, s.a, "kept", "ls", "--share", "cgi-bins")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kept, func(k inspect.Kept) bool {
		return "cgi-bins/"+k.Path == cgi && k.Reason == "conflict"
	})
	if i < 0 {
		s.fault("tgt-a keeps no version of %s that lost a conflict", cgi)
		return nil
	}
	to := filepath.Join(s.a.dir, "restored.cgi")
	if err := s.command(ctx, s.a, "kept", "restore", fmt.Sprint(kept[i].ID), "--share", "cgi-bins", "--to", to); err != nil {
		return err
	}
	data, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	if want := text32 + text52 + textOfA; string(data) != want {
		s.fault("the kept version is %q, must be %q", data, want)
	} else {
		s.say("    (%d bytes, the last line is %q)", len(data), strings.TrimSuffix(textOfA, "\n"))
	}
	return nil
}

// closing sums up.
func closing(o Options, res *Result, say func(string, ...any)) {
	if !res.OK {
		say("\nNot as it must be:")
		for _, w := range res.Wrong {
			say("  %s", w)
		}
	} else {
		say(`
                     two-way lsyncd + rsync       duet, deletes: track       duet, deletes: running
  images             6 files: both deletes        4 files                    6 files
                     came back
  updatetestfile.cgi 128 bytes of tgt-b's; the    128 bytes; tgt-a's 124     the same
                     line of tgt-a is lost        are kept, as a conflict`)
		say("\nAs it must be, in %.1f seconds.", res.Took)
	}
	a := filepath.Join(o.Dir, "track", "tgt-a")
	say(`
The files are still there: %s
  the trees     %s/*/tgt-*/contents
  the configs   %s/*/tgt-*/duet.yaml
  the logs      %s/*/tgt-*/log
Look at them:   duet --config %s/duet.yaml index history
                duet --config %s/duet.yaml index show cgi-bins:updatetestfile.cgi
Run them:       duet --config %s/duet.yaml run
Delete them:    rm -r %s`, o.Dir, o.Dir, o.Dir, o.Dir, a, a, a, o.Dir)
}

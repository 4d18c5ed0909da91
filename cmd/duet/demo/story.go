package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"duet/cmd/duet/config"
)

// Options of a demo.
type Options struct {
	Exe string    // this program
	Dir string    // where everything goes; it must be empty or missing
	Out io.Writer // the narration
}

// Result is what a demo has to show.
type Result struct {
	Dir   string   `json:"dir"`
	OK    bool     `json:"ok"`
	Wrong []string `json:"wrong"` // what is not as it must be
	Took  float64  `json:"seconds"`
}

// The files of the example.
const (
	cgiOld  = "cgi-bins/willbecgicmsowneratremote.txt"
	cgi     = "cgi-bins/updatetestfile.cgi"
	webOld  = "images/willbewebmgrowneratremote.txt"
	text32  = "this file size will be 32 bytes\n"
	text52  = "added this data, so ths file size are 84 bytes now.\n"
	textOfA = "the file has updated before tgt-b host.\n"
	textOfB = "The changes after making changes for tgt-a.\n"
)

// story is the worked example, played once.
type story struct {
	*pair
	out     io.Writer
	deletes string
	wrong   []string
}

// Play plays the worked example twice: following deletes that happened during
// an outage, and not following them.
func Play(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	res := &Result{Dir: o.Dir, Wrong: []string{}}
	say := func(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }
	say("Two web servers, tgt-a and tgt-b, share two directories, images and cgi-bins. Here both are")
	say("processes of this machine, 'duet run', talking over SSH on loopback, each with its own")
	say("directories. Everything is in %s.", o.Dir)
	for _, deletes := range []string{"track", "running"} {
		s := &story{pair: newPair(o.Exe, filepath.Join(o.Dir, deletes)), out: o.Out, deletes: deletes}
		err := errors.Join(s.play(ctx), s.stop())
		for _, w := range s.wrong {
			res.Wrong = append(res.Wrong, "deletes: "+deletes+": "+w)
		}
		if err != nil {
			return res, err
		}
	}
	res.OK, res.Took = len(res.Wrong) == 0, time.Since(began).Seconds()
	closing(o, res, say)
	return res, nil
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) play(ctx context.Context) error {
	s.say("\n== deletes: %s\n", s.deletes)
	if err := s.prepare(); err != nil {
		return err
	}
	for _, side := range s.sides() {
		if err := s.start(ctx, side); err != nil {
			return err
		}
	}
	took, err := s.synced(ctx, time.Now())
	if err != nil {
		return err
	}
	s.say("Both daemons run and are connected (%v).\n\nLive: each line is done on one host, and timed until the other one has it.\n", took.Round(time.Millisecond))
	if err := s.live(ctx); err != nil {
		return err
	}
	if err := s.outage(); err != nil {
		return err
	}
	return s.reunion(ctx)
}

func (s *story) prepare() error {
	s.a.owner, s.b.owner = twoOwners()
	shares := []string{"images", "cgi-bins"}
	for _, side := range s.sides() {
		for _, share := range shares {
			root := filepath.Join(side.dir, "contents", share)
			if err := os.MkdirAll(root, 0o755); err != nil {
				return err
			}
			side.roots[share] = root
			if err := side.own(root); err != nil {
				return err
			}
		}
	}
	return s.configure(shares, func(*side, string) config.Share {
		share := config.Defaults()
		share.Deletes = s.deletes
		return share
	})
}

// own gives what the demo made on a side to that side's owner, as if that
// user had made it.
func (s *side) own(name string) error {
	if s.owner.user == "" {
		return nil
	}
	return os.Lchown(name, s.owner.uid, s.owner.gid)
}

func (s *side) at(path string) string {
	share, rest := filepath.Split(path)
	return filepath.Join(s.roots[filepath.Clean(share)], rest)
}

// write appends text to a file, which it creates if need be.
func (s *side) write(path, text string) error {
	f, err := os.OpenFile(s.at(path), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close(), s.own(s.at(path)))
}

func (s *side) remove(path string) error { return os.Remove(s.at(path)) }

// deed is something that a user does on one host.
type deed struct {
	on   *side
	line string // as a shell would have it
	do   func() error
}

func touch(s *side, path string) deed {
	return deed{s, "touch " + path, func() error { return s.write(path, "") }}
}

func rm(s *side, path string) deed {
	return deed{s, "rm " + path, func() error { return s.remove(path) }}
}

func echo(s *side, text, op, path string) deed {
	return deed{s, fmt.Sprintf("echo %q %s %s", text[:len(text)-1], op, path), func() error { return s.write(path, text) }}
}

// live is the part in which both daemons run.
func (s *story) live(ctx context.Context) error {
	deeds := []deed{
		touch(s.a, cgiOld), touch(s.b, webOld),
		touch(s.b, "images/imgfile1.png"), touch(s.b, "images/imgfile2.png"), touch(s.b, "images/imgfile3.png"),
		rm(s.a, "images/imgfile2.png"), rm(s.b, "images/imgfile1.png"),
		{s.a, "mv " + cgiOld + " " + cgi, func() error { return os.Rename(s.a.at(cgiOld), s.a.at(cgi)) }},
		echo(s.b, text32, ">", cgi), echo(s.a, text52, ">>", cgi),
	}
	for _, d := range deeds {
		if err := d.do(); err != nil {
			return fmt.Errorf("%s: %s: %w", d.on.name, d.line, err)
		}
		took, err := s.synced(ctx, time.Now())
		if err != nil {
			return fmt.Errorf("after %s on %s: %w", d.line, d.on.name, err)
		}
		s.say("  %6.1f ms  %s$ %s", float64(took.Microseconds())/1000, d.on.name, d.line)
	}
	s.say("\nWhat both have now:\n")
	return errors.Join(s.show(), s.expect(afterLive()))
}

// outage is the part in which neither runs.
func (s *story) outage() error {
	s.say("\nThe outage: both daemons are stopped, and both hosts go on changing.\n")
	if err := s.stop(); err != nil {
		return err
	}
	deeds := []deed{
		rm(s.a, "images/imgfile3.png"), touch(s.a, "images/tgt-a-new1.img"), touch(s.a, "images/tgt-a-new2.img"),
		echo(s.a, textOfA, ">>", cgi),
		rm(s.b, webOld), touch(s.b, "images/tgt-b-new3.jpg"), touch(s.b, "images/tgt-b-new4.jpg"),
		echo(s.b, textOfB, ">>", cgi),
	}
	for _, d := range deeds {
		if err := d.do(); err != nil {
			return fmt.Errorf("%s: %s: %w", d.on.name, d.line, err)
		}
		s.say("  %s$ %s", d.on.name, d.line)
	}
	return s.later()
}

// later makes sure that B's edit of the file that both changed is the newer
// one: two writes within one tick of the kernel's clock have the same time.
func (s *story) later() error {
	a, errA := os.Stat(s.a.at(cgi))
	b, errB := os.Stat(s.b.at(cgi))
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if b.ModTime().After(a.ModTime()) {
		return nil
	}
	t := a.ModTime().Add(time.Millisecond)
	return os.Chtimes(s.b.at(cgi), t, t)
}

// reunion starts both again, and looks at what came of it.
func (s *story) reunion(ctx context.Context) error {
	s.say("\nThe reunion: tgt-a is started, then tgt-b.\n")
	began := time.Now()
	for _, side := range s.sides() {
		if err := s.start(ctx, side); err != nil {
			return err
		}
	}
	took, err := s.synced(ctx, began)
	if err != nil {
		return fmt.Errorf("after the outage: %w", err)
	}
	s.say("Both are the same again after %v:\n", took.Round(time.Millisecond))
	err = errors.Join(s.show(), s.expect(afterOutage(s.deletes)), s.keptVersion(ctx))
	if err == nil && len(s.wrong) == 0 {
		s.say("\nAll of it is as it must be.")
	}
	return err
}

func (s *story) show() error {
	for _, side := range s.sides() {
		text, err := side.listing()
		if err != nil {
			return err
		}
		fmt.Fprint(s.out, text)
	}
	return nil
}

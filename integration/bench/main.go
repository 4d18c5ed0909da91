package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// choice is what the command line asks for.
type choice struct {
	tools, works []string
	repeat       int
	delays       []time.Duration
	dir, file    string
	report       bool
	profiles     string
	note         string
	size         sizes
}

const ownResults = "integration/bench/results.json"

// docs is where the report belongs.
func (c choice) docs() string {
	if c.file == ownResults {
		return "docs"
	}
	return filepath.Dir(c.file)
}

func parse() (choice, error) {
	c := choice{size: fullSize}
	toolList := flag.String("tools", "", "some of: "+strings.Join(order, ",")+" (default: all that are installed)")
	workList := flag.String("works", "", "some of those in docs/benchmarks.md (default: all)")
	delay := flag.String("delay", "", "only with this round-trip time; default: 0, and 40ms for the works that are measured so")
	flag.IntVar(&c.repeat, "runs", 3, "how often to measure each; medians are shown")
	flag.IntVar(&c.repeat, "repeat", 3, "the same as -runs")
	flag.StringVar(&c.dir, "dir", os.TempDir(), "where the trees are made; a real disk, for fsync to count")
	flag.StringVar(&c.file, "results", ownResults, "raw results, read and written; of another file than this the report is written beside it")
	flag.BoolVar(&c.report, "report", false, "only write docs/benchmarks.md and its plots again")
	flag.IntVar(&c.size.files, "files", c.size.files, "files of the first sync")
	flag.DurationVar(&c.size.idle, "idle", c.size.idle, "how long to watch an idle pair")
	flag.DurationVar(&patience, "patience", patience, "how long a tool may take for a work")
	flag.IntVar(&c.size.saves, "saves", c.size.saves, "how many saves to time")
	flag.StringVar(&c.note, "note", "", "what a reader has to know of the circumstances, for docs/benchmarks.md")
	flag.StringVar(&c.profiles, "profile", "", "also take CPU profiles of duet, one per work and host, into this directory")
	flag.Parse()
	c.works = split(*workList)
	for _, name := range c.works {
		if _, ok := workNamed(name); !ok {
			return c, fmt.Errorf("no work is called %q", name)
		}
	}
	if len(c.works) == 0 {
		for _, w := range works {
			if !w.asked {
				c.works = append(c.works, w.name)
			}
		}
	}
	for _, name := range split(*toolList) {
		if toolOrder(name) < 0 {
			return c, fmt.Errorf("no tool is called %q", name)
		}
	}
	if c.tools = split(*toolList); len(c.tools) == 0 {
		c.tools = order
	}
	c.delays = []time.Duration{0, 40 * time.Millisecond}
	if *delay != "" {
		d, err := time.ParseDuration(*delay)
		if err != nil {
			return c, err
		}
		c.delays = []time.Duration{d}
	}
	return c, nil
}

func split(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

func main() {
	c, err := parse()
	if err == nil {
		err = bench(c)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func bench(c choice) error {
	r, err := loadResults(c.file)
	if err != nil {
		return err
	}
	if c.report {
		return writeReport(r, c.docs())
	}
	if os.Getuid() != 0 {
		return errors.New("network namespaces need root")
	}
	dir := os.Getenv(labOf)
	if dir == "" {
		return guard(c.dir)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if c.profiles != "" {
		if err := os.MkdirAll(c.profiles, 0o755); err != nil {
			return err
		}
	}
	binary := filepath.Join(dir, "duet")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/duet").CombinedOutput(); err != nil {
		return fmt.Errorf("build duet: %w\n%s", err, out)
	}
	l, err := newLab(dir, binary)
	if err != nil {
		return err
	}
	if r.Machine = machine(); c.note != "" {
		r.Note = c.note
	}
	if err := (&suite{c: c, l: l, r: r}).run(); err != nil {
		return err
	}
	return writeReport(r, c.docs())
}

// suite measures what was chosen and writes each result down as it comes.
type suite struct {
	c choice
	l *lab
	r *results
}

func (s *suite) run() error {
	for range s.c.repeat {
		for _, delay := range s.c.delays {
			if err := s.l.lengthen(delay); err != nil {
				return err
			}
			wanted := map[string]bool{}
			for _, name := range s.c.works {
				w, _ := workNamed(name)
				wanted[name] = delay == 0 || w.long || len(s.c.delays) == 1
			}
			if err := s.pipes(wanted, delay); err != nil {
				return err
			}
			if err := s.tools(wanted, delay); err != nil {
				return err
			}
		}
	}
	return nil
}

// note keeps one result, and shows it.
func (s *suite) note(tool, name string, delay time.Duration, u used, extra map[string]float64, err error) {
	work, phase, _ := strings.Cut(name, ":")
	one := result{Tool: tool, Work: work, Phase: phase, Delay: int(delay.Milliseconds()), used: u, Extra: extra, Day: time.Now().Format(time.DateOnly)}
	if s.c.size.files != fullSize.files || work == "scale" {
		one.Files = s.c.size.files
	}
	if err != nil {
		one.Error = strings.TrimSpace(err.Error())
	}
	one.Seconds = math.Round(one.Seconds*1e6) / 1e6
	fmt.Printf("%-10s %-14s %3dms  %9.3f s  %10s wire  %7.2f s CPU  %8s resident  %8s anon  %v %s\n", tool, name, one.Delay, u.Seconds,
		bytesText(float64(u.Wire)), u.CPU, bytesText(float64(u.Resident)), bytesText(float64(u.Anon)), extraText(extra), one.Error)
	s.r.add(one)
	if err := s.r.save(s.c.file); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	}
}

func (s *suite) tools(wanted map[string]bool, delay time.Duration) error {
	for _, t := range tools {
		if t.name() == "duet" && s.c.profiles != "" {
			t = duetTool{more: []string{"--pprof"}}
		}
		if !slices.Contains(s.c.tools, t.name()) {
			continue
		}
		if slices.Equal(s.c.works, []string{"scale"}) && t.name() != "duet" {
			continue
		}
		v, err := t.version()
		if err != nil {
			v = "left out: not installed"
			fmt.Printf("%-10s left out: %v\n", t.name(), err)
		}
		s.r.Versions[t.name()] = v
		if err != nil {
			continue
		}
		for _, part := range []func(*session) error{(*session).live, (*session).large, (*session).grow} {
			ses := &session{running: &running{l: s.l, t: t}, wanted: wanted, size: s.c.size, profiles: s.c.profiles,
				tell: func(name string, u used, extra map[string]float64, err error) {
					s.note(t.name(), name, delay, u, extra, err)
				}}
			err := part(ses)
			if err := errors.Join(ses.stop()); err != nil {
				return err
			}
			if err != nil {
				fmt.Printf("%-10s stops here: %v\n", t.name(), err)
			}
		}
	}
	return s.l.clear()
}

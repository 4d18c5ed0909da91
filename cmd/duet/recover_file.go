package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duet/cmd/duet/exit"
	"duet/cmd/duet/node"
	"duet/replicate/report"
)

// A plan file is text, for people and programs:
//
//	duet plan 1
//	plan {...}          the plan's head, in JSON
//	# ...               comments
//	rule  NODE ITEM     PATH  ...
//	end SHA256 STEPS    of the lines of steps, without their first words
//
// The first word of a step is what a person may change.
const (
	planFileFirst = "duet plan 1"
	planFileNotes = `# Apply it with: duet recover %s --apply FILE
# The first word of a line may be changed from rule, or wait, to ours, theirs, newest, both
# or skip: what the path is to be; skip leaves it as it is on both hosts, until another plan
# is applied. Change nothing else, and take no line away.
`
)

// planWriter writes a plan file, which is there as a whole or not at all.
type planWriter struct {
	name  string
	file  *os.File
	out   *bufio.Writer
	sum   hash.Hash
	steps int64
	taken map[string]string // what was chosen, by path
}

func newPlanWriter(name string) (*planWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".duet-plan-*")
	if err != nil {
		return nil, fmt.Errorf("write the plan to %s: %w: name a file in a directory that is there, and that you may write to", name, err)
	}
	return &planWriter{name: name, file: f, out: bufio.NewWriter(f), sum: sha256.New(), taken: map[string]string{}}, nil
}

func (w *planWriter) row(row *node.PlanRow) error {
	switch {
	case row.Plan != nil:
		return w.head(row.Plan)
	case row.Step != nil:
		return w.step(row.Step)
	case row.Sum != nil:
		fmt.Fprintf(w.out, "end %s %d\n", hex.EncodeToString(w.sum.Sum(nil)), w.steps)
	}
	return nil
}

func (w *planWriter) head(p *report.Plan) error {
	if o := p.Changes; o != nil {
		for _, c := range o.Choices {
			w.taken[c.Path] = c.Take
		}
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s\nplan %s\n", planFileFirst, data)
	fmt.Fprintf(w.out, planFileNotes, p.Share)
	var b strings.Builder
	headText(&b, p)
	for line := range strings.Lines(b.String()) {
		fmt.Fprintf(w.out, "# %s", line)
	}
	return nil
}

func (w *planWriter) step(s *report.Step) error {
	word := "rule"
	switch {
	case s.Of != "":
		word = "-"
	case w.taken[s.Path] != "":
		word = w.taken[s.Path]
	case s.Waits != "":
		word = "wait"
	}
	// The path is quoted: whatever is in a name, a line is a line.
	data, err := json.Marshal(s.Path)
	if err != nil {
		return err
	}
	rest := fmt.Sprintf("%s %s %s", s.Node, s.Item, data)
	if s.Waits != "" {
		rest += "  # waits: " + s.Waits
	} else if s.Conflict {
		rest += "  # conflict: " + s.Rule
	}
	if s.Conflict && s.Ours != nil && s.Theirs != nil {
		rest += "; ours: " + sideText(s.Ours) + "; theirs: " + sideText(s.Theirs)
	}
	w.steps++
	io.WriteString(w.sum, rest+"\n") //nolint:errcheck // a hash never fails
	_, err = fmt.Fprintf(w.out, "%-6s %s\n", word, rest)
	return err
}

func (w *planWriter) commit() error {
	err := w.out.Flush()
	if err == nil {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the plan to %s: %w", w.name, err), os.Remove(w.file.Name()))
	}
	w.file = nil
	return nil
}

// abandon removes what was not committed.
func (w *planWriter) abandon() {
	if w.file != nil {
		w.file.Close()
		os.Remove(w.file.Name()) //nolint:errcheck // it has been committed, or cannot be helped
	}
}

// planFile is a plan that was read from a file.
type planFile struct {
	head   report.Plan
	orders *report.Orders
}

// readPlanFile reads a plan file, and what a person has changed in it.
func readPlanFile(name string) (*planFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("read the plan: %w", err))
	}
	defer f.Close()
	p, err := parsePlanFile(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("read the plan in %s: %w", name, err))
	}
	return p, nil
}

const maxPlanLine = 32 << 20 // the head, with all choices

func parsePlanFile(r io.Reader) (*planFile, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxPlanLine)
	if !in.Scan() || in.Text() != planFileFirst {
		return nil, fmt.Errorf("it does not begin with %q: it is no plan, or of another version of duet", planFileFirst)
	}
	p := &planFile{}
	if !in.Scan() || !bytes.HasPrefix(in.Bytes(), []byte("plan ")) {
		return nil, errors.New("its second line is not the plan's head")
	}
	if err := json.Unmarshal(in.Bytes()[len("plan "):], &p.head); err != nil {
		return nil, fmt.Errorf("its head: %w", err)
	}
	choices := map[string]string{}
	if o := p.head.Changes; o != nil {
		for _, c := range o.Choices {
			choices[c.Path] = c.Take
		}
	}
	sum, steps := sha256.New(), int64(0)
	for n := 3; in.Scan(); n++ {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		if word == "end" {
			if want := fmt.Sprintf("%s %d", hex.EncodeToString(sum.Sum(nil)), steps); rest != want {
				return nil, errors.New("lines are missing, or were changed behind their first word: write 'skip' before a line instead of taking it away, and make the plan again")
			}
			p.orders = merged(p.head.Changes, choices)
			return p, in.Err()
		}
		steps++
		io.WriteString(sum, rest+"\n") //nolint:errcheck // a hash never fails
		if err := chooseLine(choices, word, rest); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return nil, errors.New("it has no end: it is not whole")
}

// chooseLine takes up what the first word of a line says of its path.
func chooseLine(choices map[string]string, word, rest string) error {
	if word == "-" {
		return nil
	}
	_, quoted, ok := strings.Cut(rest, ` "`)
	if !ok {
		return errors.New("there is no path in it")
	}
	var path string
	if err := json.NewDecoder(strings.NewReader(`"` + quoted)).Decode(&path); err != nil {
		return fmt.Errorf("its path: %w", err)
	}
	switch word {
	case "rule", "wait":
		delete(choices, path)
	default:
		choices[path] = word
	}
	return nil
}

// merged is what the head of a plan asks for, with these choices.
func merged(asked *report.Orders, choices map[string]string) *report.Orders {
	o := &report.Orders{}
	if asked != nil {
		*o = *asked
	}
	o.Choices = nil
	for path, take := range choices {
		o.Choices = append(o.Choices, report.Choice{Path: path, Take: take})
	}
	slices.SortFunc(o.Choices, func(a, b report.Choice) int { return strings.Compare(a.Path, b.Path) })
	return o
}

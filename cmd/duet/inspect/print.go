package inspect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Style is how an answer is printed.
type Style struct {
	JSON  bool // the rows as they are
	CSV   bool // Dump: as a table
	Long  bool // Ls: metadata too
	Marks bool // Ls: what is pending
	Share bool // name the share before each path: more than one was asked
}

// Printer prints the answers to one kind of query, for one share after the
// other: as text, or as one JSON array of rows (Show, KeptShow, ConflictShow: one object; Dump, Log: lines).
type Printer struct {
	Kind   Kind
	Style  Style
	Rows   int // that went by
	Broken int // Check: that is not as it should be

	Through uint64 // Log: how far the journal was read

	out *bufio.Writer
}

// NewPrinter prints to w.
func NewPrinter(w io.Writer, kind Kind, style Style) *Printer {
	return &Printer{Kind: kind, Style: style, out: bufio.NewWriter(w)}
}

// Print prints one answer of Run.
func (p *Printer) Print(rows io.Reader) error {
	in := bufio.NewReaderSize(rows, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return p.out.Flush()
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the daemon ended before its answer did: ask again")
		}
		if err != nil {
			return err
		}
		if p.Kind == Log {
			if row, err := decode[Logged](line); err == nil && row.Through > 0 {
				p.Through = row.Through
				continue
			}
		}
		if err := p.one(line); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		p.Rows++
	}
}

// Close ends what Print began.
func (p *Printer) Close() error {
	if p.array() {
		if p.Rows == 0 {
			p.out.WriteByte('[')
		}
		p.out.WriteString("]\n")
	}
	return p.out.Flush()
}

func (p *Printer) array() bool {
	return p.Style.JSON && p.Kind != Show && p.Kind != KeptShow && p.Kind != ConflictShow && p.Kind != Dump && p.Kind != Log
}

func (p *Printer) one(line []byte) error {
	if p.Kind == Check {
		row, err := decode[Checked](line)
		if err != nil {
			return err
		}
		if row.Broken != "" {
			p.Broken++
		}
	}
	if p.Style.CSV {
		return p.csvRow(line)
	}
	if p.array() {
		before := ",\n"
		if p.Rows == 0 {
			before = "["
		}
		p.out.WriteString(before) // Flush has the error
		line = bytes.TrimSuffix(line, []byte("\n"))
	}
	if p.Style.JSON || p.Kind == Dump {
		_, err := p.out.Write(line)
		return err
	}
	text, err := p.text(line)
	if err == nil {
		_, err = p.out.WriteString(text)
	}
	return err
}

func (p *Printer) text(line []byte) (string, error) {
	s := p.Style
	switch p.Kind {
	case Ls:
		return render(line, s, Listed.text)
	case Show:
		return render(line, s, Record.text)
	case History, Log:
		return render(line, s, Event.text)
	case Tombstones:
		return render(line, s, Tombstone.text)
	case StatsOf:
		return render(line, s, Stats.text)
	case Check:
		return render(line, s, Checked.text)
	case KeptLs:
		return render(line, s, Kept.text)
	case KeptShow:
		return render(line, s, KeptDetail.text)
	case Conflicts:
		return render(line, s, Conflict.text)
	case ConflictShow:
		return render(line, s, ConflictDetail.text)
	case Rulings:
		return render(line, s, Ruling.text)
	}
	return "", fmt.Errorf("no text form for %q", p.Kind)
}

func render[R any](line []byte, s Style, text func(R, Style) string) (string, error) {
	row, err := decode[R](line)
	if err != nil {
		return "", err
	}
	return text(row, s), nil
}

func decode[R any](line []byte) (R, error) {
	var row R
	err := json.Unmarshal(line, &row)
	return row, err
}

// One reads an answer of a single row.
func One[R any](rows io.Reader) (R, error) {
	var row R
	if err := json.NewDecoder(rows).Decode(&row); err != nil {
		return row, err
	}
	return row, nil
}

package wire

import (
	"errors"
	"fmt"

	"duet/replicate/wire/wirepb"
	"duet/store/index"
)

// Verify asks the receiver to read its own tree, and to compare it with its own
// index. The answer is a number of Verifieds, or a Control that refuses or
// says why it was not finished.
type Verify struct {
	Under  index.Path // Root: everything
	Repair bool       // damaged content is to be replaced
	Rate   int64      // bytes a second that are enough; 0: the receiver's own
}

// Verified says how far that is, and what was found since the last one.
type Verified struct {
	Findings           []Finding // at most MaxFindings
	Paths              int64     // looked at so far
	Files, Bytes       int64     // read so far
	AllFiles, AllBytes int64     // to be read; 0: not known
	Busy               int64     // files in use, of which nothing can be said
	Last               bool      // it is done
}

// Found is what is wrong with a path.
type Found uint8

// The things that can be wrong: see recovery/verify.
const (
	Missed Found = iota + 1
	Corrupt
	Unreadable
	CannotTell
)

// Finding is one path that is not as the sender's index says.
type Finding struct {
	Path     index.Path
	What     Found
	Detail   string // for people; printable, at most MaxText bytes
	Repaired bool
	Trouble  string // why it could not be repaired; likewise
}

func (m *Verify) check() error {
	if m.Rate < 0 {
		return fmt.Errorf("rate %d", m.Rate)
	}
	return checkBound(m.Under)
}

func (m *Verified) check() error {
	if len(m.Findings) > MaxFindings {
		return fmt.Errorf("%d findings: the limit is %d", len(m.Findings), MaxFindings)
	}
	for _, n := range []int64{m.Paths, m.Files, m.Bytes, m.AllFiles, m.AllBytes, m.Busy} {
		if n < 0 {
			return fmt.Errorf("a count of %d", n)
		}
	}
	for i := range m.Findings {
		f := &m.Findings[i]
		if _, err := index.ParsePath(string(f.Path)); err != nil {
			return err
		}
		if f.What < Missed || f.What > CannotTell {
			return fmt.Errorf("finding %d: what %d is unknown", i, uint8(f.What))
		}
		if f.Repaired && f.Trouble != "" {
			return fmt.Errorf("finding %d: repaired, and not", i)
		}
	}
	return nil
}

func (m *Verify) proto() *wirepb.Verify {
	return &wirepb.Verify{Under: []byte(m.Under), Repair: m.Repair, Rate: uint64(m.Rate)}
}

func verifyFrom(p *wirepb.Verify) (*Verify, error) {
	if p.Rate > 1<<62 {
		return nil, fmt.Errorf("rate %d", p.Rate)
	}
	return &Verify{Under: index.Path(p.Under), Repair: p.Repair, Rate: int64(p.Rate)}, nil
}

func (m *Verified) proto() *wirepb.Verified {
	p := &wirepb.Verified{
		Paths: uint64(m.Paths), Files: uint64(m.Files), Bytes: uint64(m.Bytes),
		AllFiles: uint64(m.AllFiles), AllBytes: uint64(m.AllBytes), Busy: uint64(m.Busy), Last: m.Last,
	}
	for i := range m.Findings {
		f := &m.Findings[i]
		p.Findings = append(p.Findings, &wirepb.Finding{
			Path: []byte(f.Path), What: uint32(f.What), Detail: Text(f.Detail), Repaired: f.Repaired, Trouble: Text(f.Trouble),
		})
	}
	return p
}

func verifiedFrom(p *wirepb.Verified) (*Verified, error) {
	for _, n := range []uint64{p.Paths, p.Files, p.Bytes, p.AllFiles, p.AllBytes, p.Busy} {
		if n > 1<<62 {
			return nil, errors.New("counts beyond all that there is")
		}
	}
	m := &Verified{
		Paths: int64(p.Paths), Files: int64(p.Files), Bytes: int64(p.Bytes),
		AllFiles: int64(p.AllFiles), AllBytes: int64(p.AllBytes), Busy: int64(p.Busy), Last: p.Last,
	}
	for i, f := range p.Findings {
		if f.What > uint32(CannotTell) {
			return nil, fmt.Errorf("finding %d: what %d is unknown", i, f.What)
		}
		m.Findings = append(m.Findings, Finding{index.Path(f.Path), Found(f.What), Text(f.Detail), f.Repaired, Text(f.Trouble)})
	}
	return m, nil
}

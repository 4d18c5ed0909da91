package index

import (
	"errors"
	"fmt"
	"strings"

	"duet/store/index/indexpb"
)

// Limits on the fields of an Entry besides those of its path.
const (
	MaxOwner  = 255  // bytes of a user or group name
	MaxTarget = 4096 // bytes of a link target
	MaxMode   = 07777
)

// EntryToProto returns e for a message. A nil entry gives nil.
func EntryToProto(e *Entry) *indexpb.Entry {
	if e == nil {
		return nil
	}
	m := &indexpb.Entry{
		Kind:    indexpb.Kind(e.Kind),
		Size:    uint64(e.Size),
		ModTime: e.ModTime,
		Mode:    e.Mode,
		Owner:   []byte(e.Owner),
		Group:   []byte(e.Group),
		Target:  []byte(e.Target),
		Origin:  uint64(e.Origin),
		Version: versionToProto(e.Version),
		Over:    versionToProto(e.Over),
		Apart:   e.Apart,
		Rescued: e.Rescued,
	}
	if e.Settled != nil {
		m.Settled = &indexpb.Settlement{Upto: versionToProto(e.Settled.Upto)}
	}
	if !e.Hash.IsZero() {
		m.Hash = e.Hash[:]
	}
	return m
}

// EntryFromProto checks an entry that came from elsewhere. It refuses what no
// node would write: fields beyond their limits, fields that the kind does not
// have, a file without a hash, an entry without a version.
func EntryFromProto(m *indexpb.Entry) (*Entry, error) {
	if m == nil {
		return nil, errors.New("entry is missing")
	}
	e, err := entryFromProto(m)
	if err != nil {
		return nil, err
	}
	if err := checkKnown(e); err != nil {
		return nil, err
	}
	return e, nil
}

// checkKnown holds for the entries of records. What lies in the holding area
// may be known less well: it need not have been hashed.
func checkKnown(e *Entry) error {
	if e.Kind == File && e.Hash.IsZero() {
		return errors.New("file without a hash")
	}
	if len(e.Version) == 0 {
		return fmt.Errorf("%v without a version", e.Kind)
	}
	return nil
}

// entryFromProto converts and checks; nil stays nil.
func entryFromProto(m *indexpb.Entry) (*Entry, error) {
	if m == nil {
		return nil, nil
	}
	if m.Kind < 0 || m.Kind > indexpb.Kind(Gone) {
		return nil, fmt.Errorf("kind %d is unknown", m.Kind)
	}
	if n := len(m.Hash); n != 0 && n != len(Hash{}) {
		return nil, fmt.Errorf("hash of %d bytes", n)
	}
	if m.Size > 1<<63-1 {
		return nil, fmt.Errorf("size %d is out of range", m.Size)
	}
	version, err := versionFromProto(m.Version)
	if err != nil {
		return nil, err
	}
	over, err := versionFromProto(m.Over)
	if err != nil {
		return nil, err
	}
	e := &Entry{
		Kind:    Kind(m.Kind),
		Size:    int64(m.Size),
		ModTime: m.ModTime,
		Mode:    m.Mode,
		Owner:   string(m.Owner),
		Group:   string(m.Group),
		Target:  string(m.Target),
		Version: version,
		Origin:  NodeID(m.Origin),
		Over:    over,
		Apart:   m.Apart,
		Rescued: m.Rescued,
	}
	if m.Settled != nil {
		upto, err := versionFromProto(m.Settled.Upto)
		if err != nil {
			return nil, fmt.Errorf("settled: %w", err)
		}
		e.Settled = &Settlement{upto}
	}
	copy(e.Hash[:], m.Hash)
	if len(m.Hash) != 0 && e.Hash.IsZero() {
		return nil, errors.New("hash of zeros")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return e, nil
}

// check states what holds for every entry.
func (e *Entry) check() error {
	switch {
	case e.Kind < File || e.Kind > Gone:
		return fmt.Errorf("%v is not a kind of entry", e.Kind)
	case e.Size < 0:
		return fmt.Errorf("size %d is negative", e.Size)
	case e.Kind != File && (e.Size != 0 || !e.Hash.IsZero()):
		return fmt.Errorf("%v with content", e.Kind)
	case e.Kind != File && e.Kind != Symlink && e.ModTime != 0:
		return fmt.Errorf("%v with a modification time", e.Kind)
	case e.Mode > MaxMode:
		return fmt.Errorf("mode %o is out of range", e.Mode)
	case e.Kind != File && e.Kind != Dir && e.Mode != 0:
		return fmt.Errorf("%v with a mode", e.Kind)
	case (e.Kind == Symlink) != (e.Target != ""):
		return fmt.Errorf("%v with a target of %d bytes", e.Kind, len(e.Target))
	case e.Kind == Gone && (e.Owner != "" || e.Group != ""):
		return errors.New("tombstone with an owner")
	case e.Rescued && len(e.Over) == 0:
		return errors.New("rescued from nothing")
	case e.Kind != Gone && e.Apart:
		return fmt.Errorf("%v marked as deleted apart", e.Kind)
	}
	if err := checkText("target", e.Target, MaxTarget); err != nil {
		return err
	}
	if err := checkText("owner", e.Owner, MaxOwner); err != nil {
		return err
	}
	if err := checkText("group", e.Group, MaxOwner); err != nil {
		return err
	}
	if err := e.Version.check(); err != nil {
		return err
	}
	if err := e.Over.check(); err != nil {
		return err
	}
	return e.Settled.check(e.Version)
}

func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s of %d bytes: the limit is %d", what, len(s), limit)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("%s with a NUL byte", what)
	}
	return nil
}

func versionToProto(v Version) []*indexpb.Counter {
	if len(v) == 0 {
		return nil
	}
	block := make([]indexpb.Counter, len(v))
	out := make([]*indexpb.Counter, len(v))
	for i, c := range v {
		block[i].Epoch, block[i].Seq = uint64(c.Epoch), uint64(c.Seq)
		out[i] = &block[i]
	}
	return out
}

func versionFromProto(m []*indexpb.Counter) (Version, error) {
	if len(m) == 0 {
		return nil, nil
	}
	if len(m) > MaxCounters {
		return nil, fmt.Errorf("version of %d counters: the limit is %d", len(m), MaxCounters)
	}
	v := make(Version, len(m))
	for i, c := range m {
		v[i] = Counter{Epoch(c.GetEpoch()), Seq(c.GetSeq())}
	}
	return v, v.check()
}

func (v Version) check() error {
	if len(v) > MaxCounters {
		return fmt.Errorf("version of %d counters: the limit is %d", len(v), MaxCounters)
	}
	for i, c := range v {
		if c.Seq == 0 {
			return fmt.Errorf("version %v counts zero", v)
		}
		if i > 0 && v[i-1].Epoch >= c.Epoch {
			return fmt.Errorf("version %v is out of order", v)
		}
	}
	return nil
}

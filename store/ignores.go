package store

import (
	"fmt"

	"duet/store/index"
	"duet/store/index/indexpb"
)

var ignoresKey = []byte("ignores")

// PeerIgnores returns the lines of the peer's ignore rules, as last heard. They
// are not in Meta, which is written with every commit.
func (tx *Tx) PeerIgnores() ([]string, error) {
	raw := tx.bucket(metaBucket).Get(ignoresKey)
	if raw == nil {
		return nil, nil
	}
	lines, err := unmarshalIgnores(raw)
	if err != nil {
		return nil, tx.damaged(fmt.Errorf("read the peer's ignore rules: %w", err))
	}
	return lines, nil
}

// PutPeerIgnores replaces the lines of the peer's ignore rules.
func (tx *Tx) PutPeerIgnores(lines []string) error {
	raw, err := marshalIgnores(lines)
	if err != nil {
		return err
	}
	return tx.put(metaBucket, ignoresKey, raw)
}

func marshalIgnores(lines []string) ([]byte, error) {
	m := &indexpb.Ignores{}
	for _, line := range lines {
		m.Lines = append(m.Lines, []byte(line))
	}
	return index.Encode(m)
}

func unmarshalIgnores(raw []byte) ([]string, error) {
	var m indexpb.Ignores
	if err := index.Decode(raw, &m); err != nil {
		return nil, err
	}
	var lines []string
	for _, line := range m.Lines {
		lines = append(lines, string(line))
	}
	want, err := marshalIgnores(lines)
	return lines, index.Canonical(raw, want, err)
}

package store

import (
	"fmt"

	"duet/store/index"
	"duet/store/index/indexpb"
)

// MaxDamaged is how many damaged paths a Verified names.
const MaxDamaged = 20

// Verified is what the last look at the whole tree came to: see
// recovery/verify. The zero Verified is that there was none.
type Verified struct {
	Began, Ended int64 // ns since 1970
	How          index.How
	Content      bool // every file was read

	Paths, Files, Bytes, Busy           int64
	Missed, Corrupt, Unreadable, Failed int64 // paths
	Repaired                            int64 // of the corrupt and unreadable
	Compared                            bool  // with the peer's index
	Drift                               int64
	Damaged                             []index.Path // the first few that were not repaired

	After index.Path // of one that is not finished: contents up to here were read
}

// verifyingKey is of a look at all contents that is not finished.
var verifyingKey = []byte("verifying")

// Verifying returns how far a look at all contents has come that a stop, or
// something else, has interrupted; zero if there is none.
func (tx *Tx) Verifying() (Verified, error) {
	raw := tx.bucket(metaBucket).Get(verifyingKey)
	if raw == nil {
		return Verified{}, nil
	}
	v, err := unmarshalVerified(raw)
	if err != nil {
		return v, tx.damaged(fmt.Errorf("read how far a verification is: %w", err))
	}
	return v, nil
}

// PutVerifying writes down how far a look at all contents has come; the zero
// Verified that none is under way.
func (tx *Tx) PutVerifying(v Verified) error {
	if v.Began == 0 {
		if tx.bucket(metaBucket).Get(verifyingKey) == nil {
			return nil
		}
		return tx.drop(metaBucket, verifyingKey)
	}
	v.Damaged = v.Damaged[:min(len(v.Damaged), MaxDamaged)]
	raw, err := v.marshal()
	if err != nil {
		return err
	}
	return tx.put(metaBucket, verifyingKey, raw)
}

var verifiedKeys = [...][]byte{[]byte("verified"), []byte("verified-content")}

func verifiedKey(content bool) []byte {
	if content {
		return verifiedKeys[1]
	}
	return verifiedKeys[0]
}

// Verified returns what the last look came to: the last one that read every
// file, or the last one that did not.
func (tx *Tx) Verified(content bool) (Verified, error) {
	raw := tx.bucket(metaBucket).Get(verifiedKey(content))
	if raw == nil {
		return Verified{}, nil
	}
	v, err := unmarshalVerified(raw)
	if err != nil {
		return v, tx.damaged(fmt.Errorf("read the last verification: %w", err))
	}
	return v, nil
}

// PutVerified replaces what the last look of its kind came to.
func (tx *Tx) PutVerified(v Verified) error {
	v.Damaged = v.Damaged[:min(len(v.Damaged), MaxDamaged)]
	raw, err := v.marshal()
	if err != nil {
		return err
	}
	return tx.put(metaBucket, verifiedKey(v.Content), raw)
}

func (v *Verified) marshal() ([]byte, error) {
	m := &indexpb.Verified{
		Began: v.Began, Ended: v.Ended, How: uint32(v.How), Content: v.Content,
		Paths: uint64(v.Paths), Files: uint64(v.Files), Bytes: uint64(v.Bytes), Busy: uint64(v.Busy),
		Missed: uint64(v.Missed), Corrupt: uint64(v.Corrupt), Unreadable: uint64(v.Unreadable), Failed: uint64(v.Failed),
		Repaired: uint64(v.Repaired), Compared: v.Compared, Drift: uint64(v.Drift), After: []byte(v.After),
	}
	for _, p := range v.Damaged {
		m.Damaged = append(m.Damaged, []byte(p))
	}
	return index.Encode(m)
}

func unmarshalVerified(raw []byte) (Verified, error) {
	var m indexpb.Verified
	if err := index.Decode(raw, &m); err != nil {
		return Verified{}, err
	}
	v := Verified{
		Began: m.Began, Ended: m.Ended, How: index.How(m.How), Content: m.Content,
		Paths: int64(m.Paths), Files: int64(m.Files), Bytes: int64(m.Bytes), Busy: int64(m.Busy),
		Missed: int64(m.Missed), Corrupt: int64(m.Corrupt), Unreadable: int64(m.Unreadable), Failed: int64(m.Failed),
		Repaired: int64(m.Repaired), Compared: m.Compared, Drift: int64(m.Drift),
	}
	if len(m.After) > 0 {
		after, err := index.ParsePath(string(m.After))
		if err != nil {
			return v, err
		}
		v.After = after
	}
	for _, raw := range m.Damaged {
		p, err := index.ParsePath(string(raw))
		if err != nil {
			return v, err
		}
		v.Damaged = append(v.Damaged, p)
	}
	want, err := v.marshal()
	return v, index.Canonical(raw, want, err)
}

package index

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
)

// errCanonical is what a decoder says of bytes that decode to something valid
// and are still not what the encoder writes for it.
var errCanonical = errors.New("not in canonical form")

// Encode writes a message in the one form that this package reads.
func Encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Decode reads what Encode wrote. Its caller turns m into a value and calls
// Canonical with that value's encoding.
func Decode(b []byte, m proto.Message) error {
	return proto.Unmarshal(b, m)
}

// Canonical refuses got, the bytes that were read, unless they are want, the
// encoding of what was read from them. It catches what a protobuf reader lets
// through: unknown, repeated, out-of-order and default fields, long varints.
func Canonical(got, want []byte, err error) error {
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errCanonical
	}
	return nil
}

// EqualEntries reports whether a and b are equal in everything, versions and
// origin too.
func EqualEntries(a, b *Entry) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	return a.Kind == b.Kind && a.Hash == b.Hash && a.Size == b.Size && a.ModTime == b.ModTime &&
		a.Mode == b.Mode && a.Owner == b.Owner && a.Group == b.Group && a.Target == b.Target &&
		a.Origin == b.Origin && a.Apart == b.Apart && a.Rescued == b.Rescued &&
		equalVersions(a.Version, b.Version) && equalVersions(a.Over, b.Over) && a.Settled.Equal(b.Settled)
}

func equalVersions(a, b Version) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func checkPath(what string, p Path) error {
	if _, err := ParsePath(string(p)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

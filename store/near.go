package store

import (
	"bytes"

	"duet/store/index"
)

// Named returns paths with this last component, as far as looking at so many
// keys finds them: at most limit. It decodes nothing.
func (tx *Tx) Named(leaf string, limit, look int) ([]index.Path, error) {
	var out []index.Path
	end := []byte(leaf)
	for k := range tx.ascend(recordBucket, nil) {
		if look--; look < 0 || len(out) == limit {
			break
		}
		if !bytes.HasSuffix(k, end) || len(k) > len(end) && k[len(k)-len(end)-1] != 0 {
			continue
		}
		p, err := tx.parsePathKey(k)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Sibling returns the next thing directly inside dir that has a record, behind
// after; dir itself stands for the beginning. It steps over what is below.
// Root: there is none.
func (tx *Tx) Sibling(dir, after index.Path) (index.Path, error) {
	prefix := dir.Key()
	if dir != index.Root {
		prefix = append(prefix, 0)
	}
	seek := prefix
	if after != dir {
		seek = append(after.Key(), 1) // a NUL begins what is below it
	}
	for k := range tx.ascend(recordBucket, seek) {
		if !bytes.HasPrefix(k, prefix) {
			break
		}
		name, _, _ := bytes.Cut(k[len(prefix):], []byte{0})
		return tx.parsePathKey(append(bytes.Clone(prefix), name...))
	}
	return index.Root, nil
}

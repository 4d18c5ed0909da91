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

// Inside yields what is directly inside dir and begins with prefix, at most
// limit paths.
func (tx *Tx) Inside(dir index.Path, prefix string, limit int) ([]index.Path, error) {
	return tx.inside(recordBucket, dir, prefix, limit)
}

// KeptInside is Inside for what there are kept versions of.
func (tx *Tx) KeptInside(dir index.Path, prefix string, limit int) ([]index.Path, error) {
	return tx.inside(keptPathBucket, dir, prefix, limit)
}

// MentionedInside is Inside for what the journal mentions and the index may not
// have any more; what was only ever created is not among it.
func (tx *Tx) MentionedInside(dir index.Path, prefix string, limit int) ([]index.Path, error) {
	return tx.inside(mentionBucket, dir, prefix, limit)
}

// inside steps over what is below each path that it finds.
func (tx *Tx) inside(bucket []byte, dir index.Path, prefix string, limit int) ([]index.Path, error) {
	begin := dir.Key()
	if dir != index.Root {
		begin = append(begin, 0)
	}
	want := append(bytes.Clone(begin), prefix...)
	var out []index.Path
	for seek := want; len(out) < limit; {
		var found []byte
		for k := range tx.ascend(bucket, seek) {
			found = k
			break
		}
		if !bytes.HasPrefix(found, want) || found == nil {
			break
		}
		name, _, _ := bytes.Cut(found[len(begin):], []byte{0})
		if len(name) == 0 { // a key of dir itself that goes on with something else
			seek = append(bytes.Clone(begin), 1)
			continue
		}
		p, err := tx.parsePathKey(append(bytes.Clone(begin), name...))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
		seek = append(p.Key(), 1) // a NUL begins what is below it
	}
	return out, nil
}

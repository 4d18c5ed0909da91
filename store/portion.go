package store

import (
	"bytes"
	"errors"

	"duet/store/index"
)

// Portion returns at most n of the records behind one path that are below under,
// in walk order, sealed: they outlive the transaction, and are not read before
// somebody asks what they say. from is under, or below it.
func (tx *Tx) Portion(from, under index.Path, n int) ([]index.Sealed, error) {
	var prefix []byte
	if under != index.Root {
		prefix = append(under.Key(), 0)
	}
	start := from.Key()
	if from != index.Root {
		// Behind from itself, and before everything below it.
		start = append(start, 0)
	}
	type place struct{ key, raw int } // where each ends
	places := make([]place, 0, n)
	keys, raws := make([]byte, 0, 48*n), make([]byte, 0, 128*n)
	for k, v := range tx.ascend(recordBucket, start) {
		if !bytes.HasPrefix(k, prefix) {
			break
		}
		if bytes.IndexByte(k, '/') >= 0 {
			return nil, tx.damaged(errors.New("a key with a slash"))
		}
		keys, raws = append(keys, k...), append(raws, v...)
		if places = append(places, place{len(keys), len(raws)}); len(places) == n {
			break
		}
	}
	for at := 0; at < len(keys); at++ {
		if keys[at] == 0 {
			keys[at] = '/'
		}
	}
	paths, seals := string(keys), &index.Seals{Classes: tx.classes.get, Damaged: tx.damaged}
	out := make([]index.Sealed, len(places))
	var was place
	for i, p := range places {
		out[i] = seals.Seal(index.Path(paths[was.key:p.key]), raws[was.raw:p.raw:p.raw])
		was = p
	}
	return out, nil
}

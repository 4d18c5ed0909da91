package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"
)

// migration brings a file from one format to the next, in one transaction that
// also writes the new number. It uses keys and raw values only: the types of
// this package are those of the newest format.
type migration func(*bolt.Tx) error

// migrations has the step from format 1 to 2 first. The format that this
// version writes is the one after the last.
var migrations = []migration{keptByPath, countEvents, eventsByPath, conflictsByPath, recentContents}

// keptByPath adds the bucket that finds kept versions by their path, the first
// field of their values.
func keptByPath(b *bolt.Tx) error { return byPath(b, "kept", "keptpath") }

// conflictsByPath does the same for conflicts, and adds what remembers the
// orders of people that settled them.
func conflictsByPath(b *bolt.Tx) error {
	for _, name := range []string{"ruling", "ruled"} {
		if _, err := b.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return byPath(b, "conflict", "dispute")
}

// recentContents adds the bucket of contents that are found since lately. The
// others are where they were.
func recentContents(b *bolt.Tx) error {
	_, err := b.CreateBucketIfNotExists([]byte("recent"))
	return err
}

func byPath(b *bolt.Tx, values, index string) error {
	paths, err := b.CreateBucketIfNotExists([]byte(index))
	if err != nil {
		return err
	}
	return b.Bucket([]byte(values)).ForEach(func(id, raw []byte) error {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 || num != 1 || typ != protowire.BytesType {
			return fmt.Errorf("%s %x has no path", values, id)
		}
		path, n := protowire.ConsumeBytes(raw[n:])
		if n < 0 {
			return fmt.Errorf("%s %x is cut short", values, id)
		}
		key := append(bytes.ReplaceAll(path, []byte{'/'}, []byte{0}), 0, 0)
		return paths.Put(append(key, id...), nil)
	})
}

// countEvents adds to the counts how much the journal holds: their fields 15
// and 16, which come last.
func countEvents(b *bolt.Tx) error {
	var events, size uint64
	err := b.Bucket([]byte("journal")).ForEach(func(k, v []byte) error {
		events++
		size += uint64(len(k) + len(v))
		return nil
	})
	if err != nil || events == 0 {
		return err
	}
	meta := b.Bucket([]byte("meta"))
	raw := bytes.Clone(meta.Get([]byte("counts")))
	raw = protowire.AppendVarint(protowire.AppendTag(raw, 15, protowire.VarintType), events)
	raw = protowire.AppendVarint(protowire.AppendTag(raw, 16, protowire.VarintType), size)
	return meta.Put([]byte("counts"), raw)
}

// eventsByPath adds the bucket that finds events by the paths that they
// concern, and counts its keys with the journal, see mentioned.
func eventsByPath(b *bolt.Tx) error {
	mentions, err := b.CreateBucketIfNotExists([]byte("mention"))
	if err != nil {
		return err
	}
	var size uint64
	var last []byte // the path of the event before
	err = b.Bucket([]byte("journal")).ForEach(func(k, v []byte) error {
		fields, err := rawFields(v)
		if err == nil && (len(k) != 8 || fields[1].number > uint64(len(last))) {
			err = errors.New("its path is not whole")
		}
		if err != nil {
			return fmt.Errorf("event %x cannot be read: %w", k, err)
		}
		last = append(last[:fields[1].number:fields[1].number], fields[2].text...)
		record, err := rawFields(b.Bucket([]byte("record")).Get(bytes.ReplaceAll(last, []byte{'/'}, []byte{0})))
		if err != nil {
			return fmt.Errorf("the record of %q cannot be read: %w", last, err)
		}
		var paths [][]byte
		if record[5].number != binary.BigEndian.Uint64(k) {
			paths = append(paths, last)
		}
		if from := fields[7].text; len(from) > 0 && !bytes.Equal(from, last) {
			paths = append(paths, from)
		}
		for _, p := range paths {
			key := append(bytes.ReplaceAll(p, []byte{'/'}, []byte{0}), 0, 0)
			key = append(key, k...)
			size += uint64(len(key))
			if err := mentions.Put(key, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || size == 0 {
		return err
	}
	meta := b.Bucket([]byte("meta"))
	raw := meta.Get([]byte("counts"))
	counts, err := rawFields(raw)
	if err != nil {
		return err
	}
	// Field 16 is the last, so that cutting it off and writing it anew is enough.
	cut := len(raw) - protowire.SizeVarint(counts[16].number)
	if counts[16].number == 0 {
		return errors.New("there are events, and they are not counted")
	}
	return meta.Put([]byte("counts"), protowire.AppendVarint(bytes.Clone(raw[:cut]), counts[16].number+size))
}

// rawField is a field of a message that is read without knowing its type.
type rawField struct {
	number uint64
	text   []byte
}

func rawFields(raw []byte) (map[protowire.Number]rawField, error) {
	out := make(map[protowire.Number]rawField)
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		var f rawField
		raw = raw[n:]
		switch typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(raw)
		case protowire.BytesType:
			f.text, n = protowire.ConsumeBytes(raw)
		default:
			n = protowire.ConsumeFieldValue(num, typ, raw)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		out[num], raw = f, raw[n:]
	}
	return out, nil
}

func newestFormat(steps []migration) uint32 { return uint32(len(steps)) + 1 }

// format returns the file's.
func (tx *Tx) format() (uint32, error) {
	b := tx.bolt.Bucket(metaBucket)
	if b == nil {
		return 0, tx.damaged(errors.New("it is a bbolt file, and not an index"))
	}
	raw := b.Get(formatKey)
	if len(raw) != 4 {
		return 0, tx.damaged(errors.New("it does not say its format"))
	}
	return binary.BigEndian.Uint32(raw), nil
}

// look finds out whether the file can be used, without changing it.
func (tx *Tx) look(steps []migration) error {
	format, err := tx.format()
	newest := newestFormat(steps)
	switch {
	case err != nil:
		return err
	case format > newest:
		return fmt.Errorf("%w %d: this version of Duet knows %d; use a newer one", ErrFormat, format, newest)
	case format == 0:
		return tx.damaged(errors.New("format 0"))
	case format < newest && tx.store.options.ReadOnly:
		return fmt.Errorf("%w %d: start duet on it once, that brings it to %d", ErrFormat, format, newest)
	case format < newest:
		return nil // the migrations know what to expect
	}
	for _, name := range allBuckets {
		if tx.bolt.Bucket(name) == nil {
			return tx.damaged(fmt.Errorf("bucket %s is missing", name))
		}
	}
	v, err := tx.loadMeta()
	if err != nil {
		return err
	}
	if o := tx.store.options; o.Share != "" && v.Share != "" && o.Share != v.Share {
		return fmt.Errorf("it belongs to share %q, not to %q", v.Share, o.Share)
	}
	_, err = tx.loadCounts()
	return err
}

// migrate brings the file to the newest format.
func (s *Store) migrate(steps []migration) error {
	for {
		done := false
		err := s.run(true, func(tx *Tx) error {
			format, err := tx.format()
			if err != nil || format == newestFormat(steps) {
				done = true
				return err
			}
			if err := steps[format-1](tx.bolt); err != nil {
				return fmt.Errorf("bring it from format %d to %d: %w", format, format+1, err)
			}
			next := binary.BigEndian.AppendUint32(nil, format+1)
			if err := tx.bolt.Bucket(metaBucket).Put(formatKey, next); err != nil {
				return err
			}
			return tx.bolt.Commit()
		})
		if err != nil {
			return err
		}
		if done {
			return s.View(func(tx *Tx) error {
				if err := tx.look(steps); err != nil {
					return err
				}
				return tx.loadClasses()
			})
		}
	}
}

// create makes a new index. It gets its name when it is whole, so that a crash
// leaves no file that would look damaged.
func create(path string, o Options, steps []migration) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	draft := file.Name()
	defer func() {
		if rmErr := os.Remove(draft); !errors.Is(rmErr, os.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}()
	if err := file.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(draft, 0o600, &bolt.Options{Timeout: lockWait})
	if err != nil {
		return err
	}
	err = db.Update(func(b *bolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := b.CreateBucket(name); err != nil {
				return err
			}
		}
		v := &metaValue{Meta: Meta{Share: o.Share, Node: o.Node, Epoch: makeEpoch(o.Now(), o.Random())}}
		raw, err := v.marshal()
		if err != nil {
			return err
		}
		meta := b.Bucket(metaBucket)
		format := binary.BigEndian.AppendUint32(nil, newestFormat(steps))
		return errors.Join(meta.Put(metaKey, raw), meta.Put(formatKey, format), meta.Put(countsKey, nil))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	// Link fails if another process was faster; then there is nothing to do.
	if err := os.Link(draft, path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/bits"
	"slices"
)

// wreck reads a bbolt file that bbolt itself may choke on: it follows the pages
// from the root, steps over those that make no sense, and says so. It reads
// nothing but what the last commit refers to: pages that are free hold things
// that were deleted long ago. The format is that of bbolt's page.go and meta.go.
type wreck struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	buckets  map[string]wreckBucket
	lost     int // pages that could not be read

	seen map[uint64]bool // pages met, against loops
	free uint64          // the page that lists the free ones
	end  uint64          // pages from here on were never used
}

type wreckBucket struct {
	root     uint64 // page; 0: inline
	sequence uint64
	inline   []byte
}

// errWreck means that not even the root can be found.
var errWreck = errors.New("neither of the two pages from which everything hangs can be read")

const (
	pageHeader  = 16 // id 8, flags 2, count 2, overflow 4
	pageElement = 16
	branchPage  = 0x01
	leafPage    = 0x02
	freePage    = 0x10
	bucketFlag  = 0x01
	maxDepth    = 40
	maxPages    = 1 << 16 // of one value, that is 256 MiB
)

func openWreck(file io.ReaderAt, size int64) (*wreck, error) {
	w := &wreck{file: file, size: size, buckets: map[string]wreckBucket{}, seen: map[uint64]bool{}}
	root, ok := w.newestMeta()
	if !ok {
		return nil, errWreck
	}
	w.walk(root, nil, 0, func(flags uint32, k, v []byte) bool {
		if flags&bucketFlag != 0 && len(v) >= 16 {
			b := wreckBucket{root: binary.NativeEndian.Uint64(v), sequence: binary.NativeEndian.Uint64(v[8:])}
			if b.root == 0 {
				b.inline = bytes.Clone(v[16:])
			}
			w.buckets[string(k)] = b
		}
		return true
	}, func() {})
	return w, nil
}

// newestMeta finds the root as of the last commit. Where the second of the two
// pages lies, only the first one says; bbolt tries the same places.
func (w *wreck) newestMeta() (root uint64, ok bool) {
	var newest uint64
	for at := int64(0); at <= 64<<10; at = max(2*at, 1<<10) {
		buf := make([]byte, 80)
		if _, err := w.file.ReadAt(buf, at); err != nil {
			continue
		}
		m := buf[pageHeader:]
		sum := fnv.New64a()
		sum.Write(m[:56])
		size := int64(binary.NativeEndian.Uint32(m[8:]))
		if binary.NativeEndian.Uint32(m) != 0xED0CDAED || binary.NativeEndian.Uint64(m[56:]) != sum.Sum64() ||
			at != 0 && at != size || size < 1<<10 || size > 64<<10 || bits.OnesCount64(uint64(size)) != 1 {
			continue
		}
		if txid := binary.NativeEndian.Uint64(m[48:]); !ok || txid > newest {
			newest, root, ok = txid, binary.NativeEndian.Uint64(m[16:]), true
			w.pageSize, w.free, w.end = size, binary.NativeEndian.Uint64(m[32:]), binary.NativeEndian.Uint64(m[40:])
		}
	}
	return root, ok
}

// checkFree checks the list of free pages: what is on it is overwritten by the
// next commits. A reader never looks at it, and so does not find it broken.
func (w *wreck) checkFree() error {
	for name := range w.buckets {
		w.each([]byte(name), func(_, _ []byte) bool { return true }, func() {})
	}
	if w.lost > 0 {
		return fmt.Errorf("%d pages or values cannot be read", w.lost)
	}
	list, err := w.pageOf(w.free, freePage)
	if err != nil {
		return fmt.Errorf("the list of free pages cannot be read: %w", err)
	}
	n, list := uint64(binary.NativeEndian.Uint16(list[10:])), list[pageHeader:]
	if n == 0xFFFF { // more than fit in there
		n, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if n > uint64(len(list))/8 {
		return fmt.Errorf("the list of free pages says that it has %d", n)
	}
	for i := range n {
		if id := binary.NativeEndian.Uint64(list[8*i:]); id < 2 || id >= w.end || w.seen[id] {
			return fmt.Errorf("page %d is listed as free, and is not", id)
		}
	}
	return nil
}

// each calls f with what a bucket has, in order, and gap where something is
// missing. f returns false for a pair that makes no sense, which is a gap too.
func (w *wreck) each(bucket []byte, f func(k, v []byte) bool, gap func()) {
	b, ok := w.buckets[string(bucket)]
	if !ok {
		return
	}
	var last []byte
	pair := func(flags uint32, k, v []byte) bool {
		if flags != 0 || last != nil && bytes.Compare(k, last) <= 0 {
			return false
		}
		last = bytes.Clone(k)
		return f(k, v)
	}
	w.walk(b.root, b.inline, 0, pair, gap)
}

// walk goes through the pages below one.
func (w *wreck) walk(id uint64, inline []byte, depth int, pair func(flags uint32, k, v []byte) bool, gap func()) {
	page, err := inline, error(nil)
	if inline == nil {
		page, err = w.page(id)
	}
	if err == nil && (depth > maxDepth || len(page) < pageHeader) {
		err = errors.New("no page")
	}
	if err != nil {
		w.lost++
		gap()
		return
	}
	count := int(binary.NativeEndian.Uint16(page[10:]))
	for i := range count {
		at := pageHeader + i*pageElement
		if at+pageElement > len(page) {
			w.lost++
			gap()
			return
		}
		e := page[at:]
		if binary.NativeEndian.Uint16(page[8:])&branchPage != 0 {
			w.walk(binary.NativeEndian.Uint64(e[8:]), nil, depth+1, pair, gap)
			continue
		}
		k, v, ok := element(e)
		if !ok || !pair(binary.NativeEndian.Uint32(e), k, v) {
			w.lost++
			gap()
		}
	}
}

// element reads the key and value of a leaf's element, which lie behind it.
func element(e []byte) (k, v []byte, ok bool) {
	pos, keys, values := uint64(binary.NativeEndian.Uint32(e[4:])), uint64(binary.NativeEndian.Uint32(e[8:])), uint64(binary.NativeEndian.Uint32(e[12:]))
	if pos+keys+values > uint64(len(e)) || keys == 0 {
		return nil, nil, false
	}
	return e[pos : pos+keys], e[pos+keys : pos+keys+values], true
}

// page reads a page of a bucket.
func (w *wreck) page(id uint64) ([]byte, error) { return w.pageOf(id, branchPage, leafPage) }

// pageOf reads a page of one of some kinds, and those that it flows over into.
func (w *wreck) pageOf(id uint64, kinds ...uint16) ([]byte, error) {
	if id < 2 || id >= uint64(w.size/w.pageSize) {
		return nil, fmt.Errorf("page %d is not in the file", id)
	}
	if w.seen[id] {
		return nil, fmt.Errorf("page %d is there twice", id)
	}
	head := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(head, int64(id)*w.pageSize); err != nil {
		return nil, err
	}
	flags, over := binary.NativeEndian.Uint16(head[8:]), int64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || !slices.Contains(kinds, flags) || over >= maxPages ||
		(int64(id)+over+1)*w.pageSize > w.size {
		return nil, fmt.Errorf("page %d is no page", id)
	}
	for n := range uint64(over) + 1 {
		w.seen[id+n] = true
	}
	page := make([]byte, (over+1)*w.pageSize)
	_, err := w.file.ReadAt(page, int64(id)*w.pageSize)
	return page, err
}

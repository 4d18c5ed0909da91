package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const perDir = 100 // files in a directory

// bulk is many small files below one directory, in directories of a hundred.
type bulk struct {
	under string // "" is the root
	files int
	small bool // of a few hundred bytes each
}

func (b bulk) dirs() int { return (b.files + perDir - 1) / perDir }

func (b bulk) dir(i int) string { return filepath.Join(b.under, fmt.Sprintf("dir%05d", i)) }

func (b bulk) name(i int) string {
	return filepath.Join(b.dir(i/perDir), fmt.Sprintf("file%07d", i))
}

// content is 1 to 3 KB that do not compress, the same for the same name and
// version.
func content(name string, version int) []byte {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, version)
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	data := make([]byte, 1024+r.IntN(2048))
	for i := 0; i+8 <= len(data); i += 8 {
		v := r.Uint64()
		for k := range 8 {
			data[i+k] = byte(v >> (8 * k))
		}
	}
	return data
}

// plant writes the files of b, two at a time.
func (b bulk) plant(root string) error {
	var g sync.WaitGroup
	var errs [2]error
	for w := range 2 {
		g.Go(func() {
			for d := w; d < b.dirs() && errs[w] == nil; d += 2 {
				errs[w] = b.plantDir(root, d)
			}
		})
	}
	g.Wait()
	return errors.Join(errs[:]...)
}

func (b bulk) plantDir(root string, d int) error {
	if err := os.MkdirAll(filepath.Join(root, b.dir(d)), 0o755); err != nil {
		return err
	}
	for i := d * perDir; i < min((d+1)*perDir, b.files); i++ {
		data := content(b.name(i), 0)
		if b.small {
			data = data[:200+len(data)/10]
		}
		if err := os.WriteFile(filepath.Join(root, b.name(i)), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// census tells when all files of b are in a tree, as cheaply as it can: it
// counts names, and never looks again into a directory that was complete.
type census struct {
	b    bulk
	root string
	next int
}

func (c *census) complete() bool {
	for ; c.next < c.b.dirs(); c.next++ {
		d, err := os.Open(filepath.Join(c.root, c.b.dir(c.next)))
		if err != nil {
			return false
		}
		names, err := d.Readdirnames(-1)
		d.Close()
		n := 0
		for _, name := range names {
			if strings.HasPrefix(name, "file") {
				n++
			}
		}
		if err != nil || n < min(perDir, c.b.files-c.next*perDir) {
			return false
		}
	}
	return true
}

// missing reports whether nothing is at the path.
func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// holds reports whether the file has this content.
func holds(path string, want []byte) bool {
	got, err := os.ReadFile(path)
	return err == nil && bytes.Equal(got, want)
}

// holdsAt reports whether the file has this size, and these bytes there.
func holdsAt(path string, size, at int64, want []byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		return false
	}
	got := make([]byte, len(want))
	_, err = f.ReadAt(got, at)
	return err == nil && bytes.Equal(got, want)
}

// different names some paths at which two trees differ.
func different(a, b string) ([]string, error) {
	var out []string
	add := func(p string) error {
		if out = append(out, p); len(out) >= 10 {
			return fs.SkipAll
		}
		return nil
	}
	for _, side := range [][2]string{{a, b}, {b, a}} {
		err := filepath.WalkDir(side[0], func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(side[0], path)
			if strings.HasPrefix(d.Name(), ".") && rel != "." { // what the tools themselves keep there
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			there := filepath.Join(side[1], rel)
			info, err := os.Lstat(there)
			switch {
			case err != nil || info.IsDir() != d.IsDir():
				return add(rel)
			case d.IsDir() || side[0] == b:
				return nil
			}
			if same, err := sameContent(path, there); err != nil || !same {
				return add(rel)
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	bufA, bufB := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, errA := io.ReadFull(fa, bufA)
		m, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return n == m, nil
		}
	}
}

// settleDisk writes out what planting left, so that nobody else pays for it.
func settleDisk() { unix.Sync() }

// blob is size bytes that do not compress.
func blob(size int, seed uint64) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
	return data
}

// writeBlob writes a large file of them, in parts.
func writeBlob(path string, head []byte, size int64, seed uint64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(head); err != nil {
		return errors.Join(err, f.Close())
	}
	source := rand.NewChaCha8([32]byte{byte(seed)})
	_, err = io.CopyBuffer(f, io.LimitReader(source, size), make([]byte, 1<<20))
	return errors.Join(err, f.Close())
}

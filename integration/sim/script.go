package sim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"duet/integration/sim/memfs"
)

// Script is all that users and the weather do in a run.
type Script struct {
	Acts   []Act `json:"acts"`
	Length Span  `json:"length"` // until the faults stop
}

// Without is the script without some of its acts.
func (s Script) Without(skip map[int]bool) Script {
	out := Script{Length: s.Length}
	for i, a := range s.Acts {
		if !skip[i] {
			out.Acts = append(out.Acts, a)
		}
	}
	return out
}

// together makes what is left out of a script whole: who opens a file closes
// it, and nobody closes or writes to one that was never opened.
func (s Script) together(skip map[int]bool) {
	opened := map[string]bool{} // whether that is left out
	for i, a := range s.Acts {
		switch file := fmt.Sprint(a.Who, a.N); a.Do {
		case doOpen:
			opened[file] = skip[i]
		case doMore:
			if opened[file] {
				skip[i] = true
			}
		case doClose:
			if opened[file] {
				skip[i] = true
			} else {
				delete(skip, i)
			}
		}
	}
}

// recorder takes a script down.
type recorder struct {
	mu   sync.Mutex
	acts []Act
}

// did takes an act down.
func (w *World) did(a Act) {
	a.At = Span(time.Since(w.Trace.start))
	w.recorder.mu.Lock()
	w.recorder.acts = append(w.recorder.acts, a)
	w.recorder.mu.Unlock()
	who := a.Who
	if !a.weather() {
		who = "user-" + who
		w.counts.edits.Add(1)
	}
	w.Trace.put(line{kind: told, who: who, what: a.String()})
}

// Script returns what was done, once the run is over.
func (w *World) Script() Script {
	s := Script{Acts: slices.Clone(w.recorder.acts), Length: w.length}
	// Of two acts in one instant either may have been taken down first.
	slices.SortStableFunc(s.Acts, func(a, b Act) int { return int(a.At - b.At) })
	return s
}

// play does what a script says.
func (w *World) play(s *Script) {
	files := map[string]io.WriteCloser{}
	for _, a := range s.Acts {
		time.Sleep(time.Duration(a.At) - time.Since(w.Trace.start))
		w.do(a, files)
	}
	time.Sleep(time.Duration(s.Length) - time.Since(w.Trace.start))
	for _, file := range slices.Sorted(maps.Keys(files)) {
		files[file].Close() // the script of a run that was cut short: nobody writes for ever
	}
}

// do does one act; what is not possible now is left out. files are those that
// users have open.
func (w *World) do(a Act, files map[string]io.WriteCloser) {
	n := w.node(a.Who)
	p := n.people
	switch a.Do {
	case doWrite:
		p.Write(a.Path, string(a.Text))
	case doAppend:
		p.Append(a.Path, string(a.Text))
	case doMkdir:
		p.Mkdir(a.Path)
	case doLink:
		p.Symlink(string(a.Text), a.Path)
	case doRename:
		p.Rename(a.Path, a.To)
	case doRemove:
		p.Remove(a.Path)
	case doChmod:
		p.Chmod(a.Path, uint32(a.N))
	case doTouch:
		p.Chtimes(a.Path, a.N)
	case doFsync:
		p.Fsync(a.Path)
	case doOpen:
		if f, err := p.OpenForWriting(a.Path); err == nil {
			files[fmt.Sprint(a.Who, a.N)] = f
		}
	case doMore, doClose:
		f := files[fmt.Sprint(a.Who, a.N)]
		switch {
		case f == nil:
		case a.Do == doMore:
			f.Write([]byte(a.Text))
		default:
			f.Close()
			delete(files, fmt.Sprint(a.Who, a.N))
		}
	default:
		w.befall(a)
	}
}

// befall is what the weather does.
func (w *World) befall(a Act) {
	n := w.node(a.Who)
	switch a.Do {
	case doPower, doKill, doStop:
		if l := n.alive(); l != nil {
			w.did(a)
			l.end(a.Do, "")
		}
	case doClock:
		w.did(a)
		n.skew.Add(a.N)
		if time.Since(w.Trace.start) > 0 {
			w.counts.steps.Add(1)
		}
	case doRule, doUndo:
		w.did(a)
		w.chaos.Go(func() {
			if a.Do == doUndo {
				n.unrule()
			} else {
				n.rule(string(a.Text))
			}
		})
	case doCut:
		w.mu.Lock()
		w.apart = time.Now().Add(time.Duration(a.N))
		line := w.line
		w.mu.Unlock()
		w.did(a)
		switch {
		case line == nil:
		case a.To != "":
			w.counts.cuts.Add(1)
			line.Cut(a.Text != "b", a.Text != "a")
		default:
			w.counts.cuts.Add(1)
			line.Break(errors.New("the connection was reset"))
		}
	}
}

// hands are those of the users of a node: what they do is taken down.
type hands struct {
	memfs.People
	n    *node
	open *int64 // files opened so far
}

// did takes down what was possible.
func (h hands) did(a Act, err error) error {
	if err == nil {
		a.Who = h.n.name
		h.n.w.did(a)
	}
	return err
}

// Write and the others are those of memfs.People.

// Write creates or overwrites a file.
func (h hands) Write(name, content string) error {
	return h.did(Act{Do: doWrite, Path: name, Text: text(content)}, h.People.Write(name, content))
}

// Append writes at a file's end.
func (h hands) Append(name, content string) error {
	return h.did(Act{Do: doAppend, Path: name, Text: text(content)}, h.People.Append(name, content))
}

// Mkdir makes a directory.
func (h hands) Mkdir(name string) error {
	return h.did(Act{Do: doMkdir, Path: name}, h.People.Mkdir(name))
}

// Symlink makes a symlink.
func (h hands) Symlink(target, name string) error {
	return h.did(Act{Do: doLink, Path: name, Text: text(target)}, h.People.Symlink(target, name))
}

// Rename renames.
func (h hands) Rename(from, to string) error {
	return h.did(Act{Do: doRename, Path: from, To: to}, h.People.Rename(from, to))
}

// Remove removes a thing and all below it.
func (h hands) Remove(name string) error {
	return h.did(Act{Do: doRemove, Path: name}, h.People.Remove(name))
}

// Chmod sets permission bits.
func (h hands) Chmod(name string, mode uint32) error {
	return h.did(Act{Do: doChmod, Path: name, N: int64(mode)}, h.People.Chmod(name, mode))
}

// Chtimes sets the modification time.
func (h hands) Chtimes(name string, ns int64) error {
	return h.did(Act{Do: doTouch, Path: name, N: ns}, h.People.Chtimes(name, ns))
}

// Fsync puts a file on stable storage.
func (h hands) Fsync(name string) error {
	return h.did(Act{Do: doFsync, Path: name}, h.People.Fsync(name))
}

// OpenForWriting keeps a file open.
func (h hands) OpenForWriting(name string) (io.WriteCloser, error) {
	f, err := h.People.OpenForWriting(name)
	if err != nil {
		return nil, err
	}
	*h.open++
	h.did(Act{Do: doOpen, Path: name, N: *h.open}, nil)
	return &held{h, f, *h.open}, nil
}

// held is a file that a user has open.
type held struct {
	h hands
	f io.WriteCloser
	n int64
}

func (x *held) Write(b []byte) (int, error) {
	n, err := x.f.Write(b)
	return n, x.h.did(Act{Do: doMore, N: x.n, Text: text(b)}, err)
}

func (x *held) Close() error {
	return x.h.did(Act{Do: doClose, N: x.n}, x.f.Close())
}

package diff

import (
	"fmt"
	"iter"

	"duet/store/index"
)

// Both is one path of a merge: what each of two sequences has there.
type Both[A, B any] struct {
	Path index.Path
	A    A
	B    B
	InA  bool
	InB  bool
}

// Merge walks two sequences side by side, both in walk order (index.Path's
// Compare) without repetition, and yields every path once. It holds one
// element of each, however long they are. An error of either sequence, or one
// that is out of order, is yielded and ends the merge.
func Merge[A, B any](a iter.Seq2[A, error], b iter.Seq2[B, error], pathA func(A) index.Path, pathB func(B) index.Path) iter.Seq2[Both[A, B], error] {
	return func(yield func(Both[A, B], error) bool) {
		left, right := newHead(a, pathA), newHead(b, pathB)
		defer left.stop()
		defer right.stop()
		left.advance()
		right.advance()
		for left.ok || right.ok {
			var both Both[A, B]
			order := 0
			switch {
			case !right.ok:
				order = -1
			case !left.ok:
				order = 1
			default:
				order = left.path.Compare(right.path)
			}
			if left.err != nil || right.err != nil {
				break
			}
			if order <= 0 {
				both.Path, both.A, both.InA = left.path, left.value, true
				left.advance()
			}
			if order >= 0 {
				both.Path, both.B, both.InB = right.path, right.value, true
				right.advance()
			}
			if !yield(both, nil) {
				return
			}
		}
		for _, err := range []error{left.err, right.err} {
			if err != nil {
				yield(Both[A, B]{}, err)
				return
			}
		}
	}
}

// head is the next element of one sequence.
type head[T any] struct {
	next   func() (T, error, bool)
	stop   func()
	pathOf func(T) index.Path

	value   T
	path    index.Path
	started bool
	ok      bool
	err     error
}

func newHead[T any](seq iter.Seq2[T, error], pathOf func(T) index.Path) *head[T] {
	next, stop := iter.Pull2(seq)
	return &head[T]{next: next, stop: stop, pathOf: pathOf}
}

func (h *head[T]) advance() {
	value, err, ok := h.next()
	h.ok, h.err = ok, err
	if !ok || err != nil {
		return
	}
	path := h.pathOf(value)
	if h.started && h.path.Compare(path) >= 0 {
		h.err = fmt.Errorf("merge: %v comes after %v, out of walk order", path, h.path)
		return
	}
	h.value, h.path, h.started = value, path, true
}

package diff

import (
	"slices"
	"strings"

	"duet/store/index"
)

// Candidate is one end of a possible rename: a regular file that went, or one
// that came.
type Candidate struct {
	Path index.Path
	Hash index.Hash
	Size int64
}

// Pair is a rename.
type Pair struct {
	From, To index.Path
}

// suffixDepth is how many trailing components are compared to tell which of
// several equal files went where. It bounds the work, nothing else.
const suffixDepth = 8

// MatchRenames pairs files that went with files that came and have the same
// content. Each is used once. Among equals the one that shares most trailing
// components is preferred (a directory was renamed), then the one in the same
// directory (a file was renamed), then the first. Empty files are all equal,
// so they are paired only when their last component is the same. The result
// is in walk order of To and does not depend on the order of the arguments.
func MatchRenames(gone, created []Candidate) []Pair {
	sources := byContent(gone)
	var pairs []Pair
	for key, to := range byContent(created) {
		if from := sources[key]; len(from) > 0 && !key.hash.IsZero() {
			pairs = append(pairs, matchEqual(from, to, key.size > 0)...)
		}
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return a.To.Compare(b.To) })
	return pairs
}

type contentKey struct {
	hash index.Hash
	size int64
}

func byContent(list []Candidate) map[contentKey][]index.Path {
	out := make(map[contentKey][]index.Path)
	for _, c := range list {
		k := contentKey{c.Hash, c.Size}
		out[k] = append(out[k], c.Path)
	}
	for _, paths := range out {
		slices.SortFunc(paths, index.Path.Compare)
	}
	return out
}

// matchEqual pairs files of one content, in rounds: each round pairs those
// with an equal key, the most telling key first.
func matchEqual(from, to []index.Path, anyName bool) []Pair {
	var pairs []Pair
	round := func(key func(index.Path) (string, bool)) {
		if len(from) == 0 || len(to) == 0 {
			return
		}
		waiting := make(map[string][]index.Path)
		for _, p := range from {
			if k, ok := key(p); ok {
				waiting[k] = append(waiting[k], p)
			}
		}
		used := make(map[index.Path]bool)
		to = slices.DeleteFunc(to, func(p index.Path) bool {
			k, ok := key(p)
			if !ok || len(waiting[k]) == 0 {
				return false
			}
			source := waiting[k][0]
			waiting[k] = waiting[k][1:]
			used[source] = true
			pairs = append(pairs, Pair{From: source, To: p})
			return true
		})
		from = slices.DeleteFunc(from, func(p index.Path) bool { return used[p] })
	}
	for depth := suffixDepth; depth >= 1; depth-- {
		round(func(p index.Path) (string, bool) { return suffix(p, depth) })
	}
	if anyName {
		round(func(p index.Path) (string, bool) { return string(p.Parent()), true })
		round(func(index.Path) (string, bool) { return "", true })
	}
	return pairs
}

// suffix returns the last depth components of p, if it has so many.
func suffix(p index.Path, depth int) (string, bool) {
	end := len(p)
	for range depth {
		if end < 0 {
			return "", false
		}
		end = strings.LastIndexByte(string(p[:end]), '/')
	}
	return string(p[end+1:]), true
}

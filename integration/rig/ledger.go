package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Ledger remembers every content that a test wrote, so that afterwards each
// can be asked for: it must be in the trees, or somebody must have superseded
// it knowingly, having had it before him when he overwrote or deleted it, or
// it must be a kept version. Contents are made of tokens, which are unique, so
// that appended-to and copied files can be told apart.
type Ledger struct {
	mu         sync.Mutex
	next       int
	written    map[string]string // token to where and how it was written
	superseded map[string]bool
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{written: map[string]string{}, superseded: map[string]bool{}}
}

var tokenPattern = regexp.MustCompile(`<<[ab]\d+>>`)

// token makes a new one, written as part of where.
func (l *Ledger) token(node, where string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	token := fmt.Sprintf("<<%s%d>>", node, l.next)
	l.written[token] = where
	return token
}

// never takes back a token whose write did not happen.
func (l *Ledger) never(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.written, token)
}

// supersede notes that somebody saw content and then did away with it.
func (l *Ledger) supersede(content []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range tokenPattern.FindAllString(string(content), -1) {
		l.superseded[token] = true
	}
}

// Check fails t for every content that is gone: not in either tree, not
// superseded, and not among the kept versions of either node.
func (l *Ledger) Check(t testing.TB, p *Pair) {
	t.Helper()
	lost, err := l.lost(p.A.At(), p.A.KeptDir(), p.B.At(), p.B.KeptDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) > 0 {
		t.Errorf("%d of %d contents are lost: in no tree, not superseded, not kept:\n  %s\n%s",
			len(lost), l.Written(), strings.Join(lost[:min(10, len(lost))], "\n  "), p.dump())
	}
}

// lost returns the tokens that are in none of dirs, though nobody gave them up.
func (l *Ledger) lost(dirs ...string) ([]string, error) {
	found := map[string]bool{}
	for _, dir := range dirs {
		if err := collect(dir, found); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var lost []string
	for token, where := range l.written {
		if !found[token] && !l.superseded[token] {
			lost = append(lost, token+" "+where)
		}
	}
	slices.Sort(lost)
	return lost, nil
}

// Written is the number of contents in the ledger.
func (l *Ledger) Written() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.written)
}

func collect(dir string, found map[string]bool) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return gone(err)
		}
		content, err := os.ReadFile(path)
		for _, token := range tokenPattern.FindAllString(string(content), -1) {
			found[token] = true
		}
		return gone(err)
	})
}

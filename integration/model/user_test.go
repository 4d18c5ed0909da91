package model

import "slices"

// edit is what users do: write a content, make a directory, or delete. To put
// a file in the place of a directory is one edit, as `rm -r d; write d` is for
// a watcher that comes late.
func (m *model) edit(s *state, i, p int, letter byte) bool {
	n := &s.node[i]
	if s.edits == m.edits || n.tree[p].letter == letter || p == inner && n.tree[top].letter != 'D' {
		return false
	}
	s.edits++
	s.last++
	s.superseded |= n.seen[p] // the user saw it, or what came of it
	n.tree[p] = thing{letter: letter}
	if letter != 0 {
		n.tree[p].edit = s.last
		n.seen[p] |= 1 << s.last
		s.written[s.last] = written{p, letter}
	}
	if p == top && letter != 'D' {
		s.superseded |= n.seen[inner]
		n.tree[inner] = thing{}
	}
	return true
}

// restart is a crash and a new start: everything committed is still there.
func (m *model) restart(s *state, i int) bool {
	s.cut()
	s.run++
	s.node[i].restarted(s.run)
	m.scan(s, i)
	return true
}

// loseIndex starts a node with its tree and nothing else.
func (m *model) loseIndex(s *state, i int) bool {
	s.cut()
	s.weird = true
	s.epochs++
	s.run++
	old := &s.node[i]
	s.node[i] = node{epoch: s.epochs, tree: old.tree, seen: old.seen}
	s.node[i].restarted(s.run)
	m.scan(s, i)
	return true
}

// backup copies a node's index and tree.
func (m *model) backup(s *state, i int) bool {
	if s.backup != nil {
		return false
	}
	n := s.node[i]
	n.runs = slices.Clone(n.runs)
	s.backup, s.whose = &n, i
	return true
}

// restore puts a node back to the backup: its index, or index and tree.
func (m *model) restore(s *state, i int, tree bool) bool {
	if s.backup == nil || s.whose != i {
		return false
	}
	s.cut()
	s.weird = true
	s.run++
	n := *s.backup
	now := s.node[i]
	if tree {
		// What was only in the tree that is thrown away is lost by whoever
		// threw it away.
		s.excused |= now.seen[top] | now.seen[inner]
	} else {
		n.tree = now.tree
	}
	for p := range paths {
		n.seen[p] |= now.seen[p]
	}
	s.backup = nil
	s.node[i] = n
	s.node[i].restarted(s.run)
	m.scan(s, i)
	return true
}

package model

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
	if letter == 0 {
		s.removed |= n.seen[p]
	}
	n.tree[p] = thing{letter: letter}
	if letter != 0 {
		n.tree[p].edit = s.last
		n.seen[p] |= 1 << s.last
		s.written[s.last] = written{uint8(p), letter}
	}
	if p == top && letter != 'D' {
		s.superseded |= n.seen[inner]
		n.tree[inner] = thing{}
	}
	return true
}

// part is a connection that breaks. Both nodes live on.
func (m *model) part(s *state, _ int) bool {
	if !s.up {
		return false
	}
	s.cut()
	return true
}

// restart is a crash and a new start: everything committed is still there.
func (m *model) restart(s *state, i int) bool {
	s.cut()
	s.run++
	m.restarted(&s.node[i], s.run)
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
	m.restarted(&s.node[i], s.run)
	m.scan(s, i)
	return true
}

// backup copies a node's index and tree.
func (m *model) backup(s *state, i int) bool {
	if s.backup != 0 {
		return false
	}
	s.backup, s.whose = m.nodes.put(s.node[i], s.node[i]), uint8(i)
	return true
}

// restore puts a node back to the backup: its index, or index and tree.
func (m *model) restore(s *state, i int, tree bool) bool {
	if s.backup == 0 || int(s.whose) != i {
		return false
	}
	s.cut()
	s.weird = true
	s.run++
	n := m.nodes.get(s.backup)
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
	s.backup, s.whose = 0, 0
	s.node[i] = n
	m.restarted(&s.node[i], s.run)
	m.scan(s, i)
	return true
}

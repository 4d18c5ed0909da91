package plan

import "duet/store/index"

// item describes a move in the manner of rsync --itemize-changes, YXcstpoguax:
// Y says where a content goes to ('>' here, '<' to the peer), or 'c' that
// something is made without one, or '.' that only metadata is set; X is the kind;
// then a letter for each of content, size, time, permissions, owner and group
// that changes. Of something new, all are '+'. The last two are always '.'.
func item(at side, m *Move) string {
	if !m.Is.Live() {
		return "*deleting  "
	}
	kind := map[index.Kind]byte{index.File: 'f', index.Dir: 'd', index.Symlink: 'L'}[m.Is.Kind]
	arrow := byte('>')
	if at == there {
		arrow = '<'
	}
	if m.Is.Kind != index.File {
		arrow = 'c'
	}
	if !m.Was.Live() || m.Was.Kind != m.Is.Kind {
		return string([]byte{arrow, kind}) + "+++++++++"
	}
	same := index.SameContent(m.Was, m.Is)
	if same {
		arrow = '.'
	}
	mark := func(changed bool, letter byte) byte {
		if changed {
			return letter
		}
		return '.'
	}
	a, b := m.Was, m.Is
	return string([]byte{
		arrow, kind,
		mark(!same, 'c'), mark(a.Size != b.Size, 's'), mark(a.ModTime != b.ModTime, 't'), mark(a.Mode != b.Mode, 'p'),
		mark(differ(a.Owner, b.Owner), 'o'), mark(differ(a.Group, b.Group), 'g'), '.', '.', '.',
	})
}

// differ compares owners, of which one may not be known.
func differ(a, b string) bool { return a != b && a != "" && b != "" }

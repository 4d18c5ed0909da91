package scan

import "strings"

// reserved are the names of Duet's own holding areas. No rule can include
// them: a staged or displaced file must never be synchronised.
func reserved(leaf string, dir bool) (rule string, ok bool) {
	if leaf == ".duet" || dir && strings.HasPrefix(leaf, ".duet-") {
		return "built-in: Duet's holding area", true
	}
	return "", false
}

// temporary are the names that other synchronisers give to files that are not
// finished, and to their own marks. A rule with '!' includes one again.
func temporary(leaf string) (rule string, ok bool) {
	if len(leaf) == 0 || leaf[0] != '.' && leaf[0] != '~' && leaf[0] != 'r' {
		return "", false
	}
	switch {
	case leaf == ".~tmp~":
		return "built-in: rsync --delay-updates", true
	case leaf == ".rsync-partial" || leaf == ".rsync-tmp" || leaf == "rsync-partial":
		return "built-in: rsync --partial-dir", true
	case rsyncTemp(leaf):
		return "built-in: rsync temporary file", true
	case between(leaf, ".unison.", ".unison.tmp"):
		return "built-in: unison temporary file", true
	case between(leaf, ".syncthing.", ".tmp"), between(leaf, "~syncthing~", ".tmp"):
		return "built-in: syncthing temporary file", true
	case leaf == ".stfolder" || leaf == ".stversions":
		return "built-in: syncthing's own", true
	}
	return "", false
}

func between(s, prefix, suffix string) bool {
	return len(s) > len(prefix)+len(suffix) && strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix)
}

// rsyncTemp reports whether leaf is ".name.XXXXXX" with six letters or digits
// of mkstemp(3). Taking all such names would leave out ".env.sample",
// ".htaccess.backup" and ".profile.bak001" without a word. So the six must
// look random: an upper-case letter, and at least two changes between upper
// case, lower case and digits. About one in eleven of rsync's names does not,
// and does no harm: while rsync writes it, it counts as a file open for
// writing, and then it is renamed at once.
func rsyncTemp(leaf string) bool {
	const random = 6
	dot := len(leaf) - random - 1
	if leaf[0] != '.' || dot < 2 || leaf[dot] != '.' {
		return false
	}
	var upper, changes int
	var before byte
	for _, c := range []byte(leaf[dot+1:]) {
		var class byte
		switch {
		case 'A' <= c && c <= 'Z':
			class = 'A'
			upper++
		case 'a' <= c && c <= 'z':
			class = 'a'
		case '0' <= c && c <= '9':
			class = '0'
		default:
			return false
		}
		if before != 0 && class != before {
			changes++
		}
		before = class
	}
	return upper > 0 && changes >= 2
}

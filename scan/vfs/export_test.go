package vfs

// OpenWithout opens a tree as on a kernel or filesystem that lacks some calls.
func OpenWithout(root string, o Options, missing ...string) (*Tree, error) {
	for _, m := range missing {
		switch m {
		case "openat2":
			o.lacks.openat2 = true
		case "statx":
			o.lacks.statx = true
		case "noreplace":
			o.lacks.noreplace = true
		case "exchange":
			o.lacks.exchange = true
		case "links":
			o.lacks.links = true
		default:
			panic(m)
		}
	}
	return Open(root, o)
}

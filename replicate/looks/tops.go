package looks

import (
	"strings"

	"duet/scan"
	"duet/scan/vfs"
	"duet/store"
	"duet/store/index"
)

// Emptied reports whether nothing that a scan would report is left in the root.
func Emptied(files vfs.Files, rules *scan.Rules) bool {
	d, err := files.OpenDir(index.Root)
	if err != nil {
		return false // the scan will say
	}
	defer d.Close()
	names, err := d.Names()
	for _, name := range names {
		if p, perr := index.Root.Join(name); perr == nil && !rules.Ignored(p, false) {
			return false
		}
	}
	return err == nil
}

// Tops returns the top-level paths of the tree and of the index. all reports
// whether it found the whole index's.
func Tops(files vfs.Files, st *store.Store) (tops map[index.Path]bool, all bool, err error) {
	tops, all = map[index.Path]bool{}, true
	d, err := files.OpenDir(index.Root)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return nil, false, err
	}
	for _, name := range names {
		if p, err := index.Root.Join(name); err == nil {
			tops[p] = true
		}
	}
	// One step through the index for each top-level name: from each, go on
	// behind the last name that can be below it.
	err = st.View(func(tx *store.Tx) error {
		at := index.Root
		for {
			var top index.Path
			for r, err := range tx.Range(at, true) {
				if err != nil {
					return err
				}
				top = r.Path
				break
			}
			if top == index.Root {
				return nil
			}
			for top.Parent() != index.Root {
				top = top.Parent()
			}
			tops[top] = true
			last := top + "/" + index.Path(strings.Repeat("\xff", index.MaxName))
			if at == last { // such a name exists: leave the rest to the back-stop
				all = false
				return nil
			}
			at = last
		}
	})
	return tops, all, err
}

package rounds

import (
	"fmt"

	"duet/scan/vfs"
	"duet/store/index"
)

// nestLeast is from how many small files on a new directory is staged with them
// in it: see package install. It takes a few calls more than an empty one.
const nestLeast = 2

// nest decides which new directories of the batch those are. The mode has to let
// the owner make files in it, and must not hand on its group to them.
func (k *picking) nest() {
	if len(k.fresh) == 0 || len(k.b.small)+len(k.b.wants) < nestLeast {
		return
	}
	files, wants := make(map[index.Path]int, len(k.fresh)), make(map[index.Path]int, len(k.b.wants))
	for p := range k.b.small {
		files[p.Parent()]++
	}
	for i := range k.b.wants {
		if w := &k.b.wants[i]; w.Size <= smallSize {
			wants[w.Path] = i
			files[w.Path.Parent()]++
		}
	}
	names := make(map[index.Path]string)
	for i := range k.b.Jobs {
		j := &k.b.Jobs[i]
		if j.Entry.Kind != index.Dir || !k.fresh[j.Path] || j.From != index.Root || files[j.Path] < nestLeast ||
			k.b.metas[j.Path].Mode&0o7700 != 0o700 {
			continue
		}
		j.Staged = k.rounds.stageName()
		names[j.Path] = j.Staged.Name
		k.b.nests = append(k.b.nests, i)
	}
	for i := range k.b.Jobs {
		j := &k.b.Jobs[i]
		in := names[j.Path.Parent()]
		if in == "" || j.Staged.Name == "" || j.Entry.Kind != index.File {
			continue
		}
		_, small := k.b.small[j.Path]
		want, fetched := wants[j.Path]
		if small || fetched {
			j.Staged = vfs.Held{Area: vfs.Stage, In: in, Name: j.Path.Leaf()}
		}
		if fetched {
			k.b.wants[want].Staged, k.b.wants[want].In = j.Staged.Name, in
		}
	}
}

// stageNests makes these directories. What cannot be made is left to the install,
// and the files are staged by themselves.
func (b *Batch) stageNests() {
	failed := make(map[string]bool)
	for _, i := range b.nests {
		j := &b.Jobs[i]
		if _, err := b.Files.StageDir(j.Staged, b.metas[j.Path]); err != nil {
			failed[j.Staged.Name] = true
			j.Staged = vfs.Held{}
		}
	}
	if len(failed) == 0 {
		return
	}
	alone := make(map[index.Path]vfs.Held)
	for i := range b.Jobs {
		if j := &b.Jobs[i]; failed[j.Staged.In] {
			j.Staged = apart(j.Staged, i)
			alone[j.Path] = j.Staged
		}
	}
	for i := range b.wants {
		if h, ok := alone[b.wants[i].Path]; ok {
			b.wants[i].Staged, b.wants[i].In = h.Name, ""
		}
	}
}

// apart is the name in the stage of job i, which cannot be staged in its directory.
func apart(h vfs.Held, i int) vfs.Held {
	return vfs.Held{Area: vfs.Stage, Name: fmt.Sprintf("%s-%d", h.In, i)}
}

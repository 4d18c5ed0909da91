package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"duet/integration/sim/memfs"
)

// user works on one node's tree.
type user struct {
	w      *World
	n      *node
	r      *rand.Rand
	habits []habit
	serial int
	past   map[string][]string // what files held before
}

// habit is one thing that users do, if it is possible.
type habit func(u *user)

var habits = []habit{
	(*user).write, (*user).write, (*user).write, (*user).appends, (*user).save, (*user).save,
	(*user).rename, (*user).renameDir, (*user).remove, (*user).removeTree, (*user).retype,
	(*user).relink, (*user).chmod, (*user).touch, (*user).toggle, (*user).slowly, (*user).mkdir, (*user).copies,
}

func (w *World) context() context.Context { return context.Background() }

func (w *World) users() {
	for i, n := range []*node{w.a, w.b} {
		w.chaos.Go(func() {
			u := &user{w: w, n: n, r: rand.New(rand.NewPCG(w.Seed, uint64(2+i))), past: map[string][]string{}}
			u.choose()
			for range w.Swarm.Ops {
				time.Sleep(time.Duration(u.r.ExpFloat64() * float64(w.Swarm.Pace)))
				u.habits[u.r.IntN(len(u.habits))](u)
			}
		})
	}
}

// choose draws what this user does: everything, or a few things only.
func (u *user) choose() {
	u.habits = habits
	if u.w.Swarm.Delta > 0 {
		u.habits = append(slices.Clone(habits), (*user).edit, (*user).edit, (*user).edit)
	}
	if u.r.IntN(2) == 0 {
		return
	}
	u.habits = []habit{(*user).write}
	if u.w.Swarm.Delta > 0 {
		u.habits = append(u.habits, (*user).edit)
	}
	for range 1 + u.r.IntN(4) {
		u.habits = append(u.habits, habits[u.r.IntN(len(habits))])
	}
}

// path draws a path: mostly one that is there.
func (u *user) path(want func(memfs.Thing) bool) string {
	var there []string
	for _, x := range u.n.disk.Tree() {
		if want(x) {
			there = append(there, x.Path)
		}
	}
	if len(there) == 0 {
		return ""
	}
	return there[u.r.IntN(len(there))]
}

// fresh draws a path in a directory that is there; something may have it.
func (u *user) fresh() string {
	dir := ""
	if u.r.IntN(2) == 0 {
		dir = u.path(memfs.Thing.Dir)
	}
	if strings.Count(dir, "/") > 2 {
		dir = ""
	}
	name := string("abcde"[u.r.IntN(5)])
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func file(x memfs.Thing) bool  { return x.File() }
func other(x memfs.Thing) bool { return !x.Dir() }
func any1(memfs.Thing) bool    { return true }

// text makes a content that nobody ever wrote.
func (u *user) text() string {
	u.serial++
	s := fmt.Sprintf("%s%d ", u.n.name, u.serial)
	switch k := u.r.IntN(60); {
	case u.w.Swarm.Delta > 0 && k >= 30:
		s += u.large()
	case k == 0:
		s += strings.Repeat("x", 300<<10)
	case k < 4:
		s += strings.Repeat("y", 40<<10)
	case k < 20:
		s += strings.Repeat("z", u.r.IntN(200))
	}
	return s
}

// large makes a content that is not sent along with its change, and of which an edit
// leaves most as it was. It is runs of letters, which a script can say in few words.
func (u *user) large() string {
	var b strings.Builder
	for size := (33 + u.r.IntN(40)) << 10; b.Len() < size; {
		run := string(rune('a' + u.r.IntN(26)))
		b.WriteString(strings.Repeat(run, 30+u.r.IntN(3000)))
	}
	return b.String()
}

// edit changes something in the middle of a file, in place or by a copy that is
// renamed over it.
func (u *user) edit() {
	p := u.path(file)
	was, err := u.n.people.Read(p)
	if p == "" || err != nil || len(was) < 2 {
		return
	}
	u.serial++
	at := u.r.IntN(len(was))
	now := was[:at] + fmt.Sprintf("<%s%d>", u.n.name, u.serial) + was[min(at+u.r.IntN(100), len(was)):]
	if u.r.IntN(2) == 0 {
		u.put(p, now)
		return
	}
	tmp := fmt.Sprintf("%s.%s%d", p, u.n.name, u.serial)
	if u.n.people.Write(tmp, now) == nil && u.n.people.Rename(tmp, p) == nil {
		u.past[p] = append(u.past[p], was)
	}
}

// put writes content to a path in place, if a file is or can be there.
func (u *user) put(p, content string) bool {
	was, _ := u.n.people.Read(p)
	if was == content {
		return false
	}
	if u.n.people.Write(p, content) != nil {
		return false
	}
	if was != "" {
		u.past[p] = append(u.past[p], was)
	}
	return true
}

func (u *user) write() {
	p := u.path(file)
	if p == "" || u.r.IntN(2) == 0 {
		p = u.fresh()
	}
	if !u.isDir(p) {
		u.put(p, u.text())
	}
}

func (u *user) isDir(p string) bool {
	return slices.ContainsFunc(u.n.disk.Tree(), func(x memfs.Thing) bool { return x.Path == p && !x.File() })
}

func (u *user) appends() {
	p := u.path(file)
	was, err := u.n.people.Read(p)
	if p != "" && err == nil {
		u.put(p, was+"+"+u.text())
	}
}

// save writes a temporary file and renames it, as editors do.
func (u *user) save() {
	p := u.path(file)
	if p == "" || u.r.IntN(3) == 0 {
		p = u.fresh()
	}
	if u.isDir(p) {
		return
	}
	u.serial++
	tmp := fmt.Sprintf("%s.%s%d", p, u.n.name, u.serial)
	if u.n.people.Write(tmp, u.text()) != nil {
		return
	}
	if u.r.IntN(2) == 0 {
		time.Sleep(time.Duration(u.r.IntN(20)) * time.Millisecond)
	}
	if u.n.chances.draw("user fsync", "").hits(0, u.w.Swarm.Fsync) {
		u.n.people.Fsync(tmp)
	}
	was, _ := u.n.people.Read(p)
	if u.isDir(p) || u.n.people.Rename(tmp, p) != nil {
		u.n.people.Remove(tmp)
		return
	}
	if was != "" {
		u.past[p] = append(u.past[p], was)
	}
}

func (u *user) rename() {
	from, to := u.path(other), u.fresh()
	if from != "" && from != to && !u.isDir(to) {
		u.n.people.Rename(from, to)
	}
}

func (u *user) renameDir() {
	from, to := u.path(memfs.Thing.Dir), u.fresh()
	if from != "" {
		u.n.people.Rename(from, to)
	}
}

func (u *user) remove() {
	if p := u.path(other); p != "" {
		u.n.people.Remove(p)
	}
}

func (u *user) removeTree() {
	if p := u.path(memfs.Thing.Dir); p != "" {
		u.n.people.Remove(p)
	}
}

// retype puts something of another kind in the place of what is there.
func (u *user) retype() {
	p := u.path(any1)
	if p == "" {
		return
	}
	dir := u.isDir(p)
	u.n.people.Remove(p)
	if u.r.IntN(3) == 0 {
		time.Sleep(time.Duration(u.r.IntN(10)) * time.Millisecond)
	}
	switch {
	case u.r.IntN(3) == 0:
		u.linkAt(p)
	case dir:
		u.put(p, u.text())
	default:
		u.n.people.Mkdir(p)
		u.put(p+"/a", u.text())
	}
}

func (u *user) linkAt(p string) {
	u.serial++
	u.n.people.Symlink(fmt.Sprintf("%s%d", u.n.name, u.serial), p)
}

func (u *user) relink() {
	p := u.path(memfs.Thing.Link)
	if p == "" {
		u.linkAt(u.fresh())
		return
	}
	u.n.people.Remove(p)
	u.linkAt(p)
}

func (u *user) chmod() {
	p := u.path(any1)
	mode := []uint32{0o644, 0o600, 0o755, 0o664, 0o400}[u.r.IntN(5)]
	if p != "" {
		u.n.people.Chmod(p, mode)
	}
}

func (u *user) touch() {
	p := u.path(file)
	t := u.n.now().UnixNano()
	if u.r.IntN(2) == 0 {
		t -= u.r.Int64N(int64(time.Hour))
	}
	if p != "" {
		u.n.people.Chtimes(p, t)
	}
}

// toggle brings back what a file held before.
func (u *user) toggle() {
	p := u.path(func(x memfs.Thing) bool { return x.File() && len(u.past[x.Path]) > 0 })
	if p != "" {
		u.put(p, u.past[p][u.r.IntN(len(u.past[p]))])
	}
}

// slowly writes a file bit by bit.
func (u *user) slowly() {
	p := u.fresh()
	if u.isDir(p) || !u.put(p, u.text()) {
		return
	}
	f, err := u.n.people.OpenForWriting(p)
	if err != nil {
		return
	}
	for range 1 + u.r.IntN(4) {
		time.Sleep(time.Duration(u.r.IntN(200)) * time.Millisecond)
		f.Write([]byte("+" + u.text()))
	}
	f.Close()
}

func (u *user) mkdir() { u.n.people.Mkdir(u.fresh()) }

func (u *user) copies() {
	from, to := u.path(file), u.fresh()
	c, err := u.n.people.Read(from)
	if from != "" && err == nil && !u.isDir(to) && c != "" {
		u.put(to, c)
	}
}

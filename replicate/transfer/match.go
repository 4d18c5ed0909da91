package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"

	"duet/replicate/chunk"
	"duet/replicate/wire"
	"duet/scan"
	"duet/scan/vfs"
)

// Bounds of looking for chunks.
const (
	maxGap   = 4 << 20  // bytes between two matches that are compared once more, in small chunks
	maxOld   = 8 << 20  // bytes of the base that they are compared with
	compares = 4        // of those in a row, before the rest is fetched as it is
	ahead    = 16 << 20 // bytes of the base that are read ahead, before a chunk counts as not there
	tryOut   = 64 << 20 // bytes of the content after which little in common ends the search
	before   = 8 << 20  // bytes of the base before the place where a content is taken up again
	strayed  = 16       // chunks not found in a row, before the base is passed faster than the content
)

// matching goes through the chunks of a content, as the peer says them, and
// through a file that is here and like it, the base, side by side. The base is
// read from its beginning to its end, and once: what has been read and not found
// yet is kept for a while, and what was passed is read again only if it turns up
// behind its place.
type matching struct {
	a      *assembly
	base   io.ReaderAt
	size   int64       // of base
	lent   vfs.Content // the base, if its blocks may be shared
	bits   uint8
	theirs *recipe
	start  int64 // of the content: what is before was here
	at     int64 // up to here it is planned

	r       *chunk.Reader // from read on; nil: to be made
	ended   bool          // all of the base is read
	read    int64
	ring    []piece // read, and neither matched nor passed
	first   int     // ordinal of ring[0]
	bytes   int64   // of ring
	inRing  map[chunk.Chunk]int
	passed  map[chunk.Chunk]int64 // offsets in the base
	matched int64                 // bytes

	run      int64  // bytes before at that were not found
	misses   int    // chunks not found since the last one that was
	compared int    // how often some of them were compared once more
	gap      []byte // what the base has in their place
}

// piece is a chunk of the base.
type piece struct {
	chunk.Chunk
	off  int64
	data []byte
}

// errUnlike means that there is no point in going on: the rest is fetched.
var errUnlike = errors.New("it has little in common")

// planMixed says of which parts the content consists from at on, as far as it has
// enough in common with base. It returns how far that is.
func (a *assembly) planMixed(base vfs.Content, at int64) (int64, error) {
	info, err := base.Stat()
	if err != nil || at == a.j.size {
		return at, nil
	}
	return a.planBy(base, info.Stamp.Size, at)
}

// planHoles says of which parts the content consists from at on, as far as much of
// it is holes: to ask for them part by part takes a while where they are large.
func (a *assembly) planHoles(at int64) (int64, error) {
	if a.j.size-at < scan.SparseSize {
		return at, nil
	}
	return a.planBy(bytes.NewReader(nil), 0, at)
}

func (a *assembly) planBy(base io.ReaderAt, size, at int64) (int64, error) {
	lent, ok := base.(vfs.Content)
	if !ok || a.lent != lent {
		lent = nil
	}
	l, err := openLine(a.ctx, &a.f.opt)
	if err != nil {
		return at, err
	}
	m := &matching{
		a: a, base: base, size: size, lent: lent, bits: chunk.Coarse(a.j.size, a.f.opt.Delta), start: at, at: at,
		read:   max(0, min(at, size)-before),
		inRing: map[chunk.Chunk]int{}, passed: map[chunk.Chunk]int64{},
	}
	m.theirs = a.askRecipe(l, at, m.bits)
	defer func() {
		close(m.theirs.enough) // the peer may have more to say
		l.end()
	}()
	for err == nil {
		err = m.step()
	}
	if err == io.EOF {
		err = m.flush()
	}
	if errors.Is(err, errUnlike) {
		return m.at - m.run, nil
	}
	return m.at, err
}

// step places the next chunk of the content.
func (m *matching) step() error {
	c, err := m.theirs.next()
	if err != nil {
		if err == io.EOF && m.at != m.a.j.size {
			err = errUnlike
		}
		return err
	}
	if c.Len > m.a.j.size-m.at || c.Sum != chunk.Hole && c.Len > chunk.Max(m.bits) {
		return errUnlike // nothing that such a peer says is of use
	}
	if c.Sum == chunk.Hole {
		if err := m.flush(); err != nil {
			return err
		}
		return m.hole(c.Len)
	}
	if i, ok := m.find(c); ok {
		return m.take(i)
	}
	if off, ok := m.passed[c]; ok {
		if data, ok := m.again(off, c); ok {
			if err := m.flush(); err != nil {
				return err
			}
			return m.put(data, off)
		}
	}
	if m.run+c.Len > maxGap && len(m.gap) > 0 && m.compared < compares {
		// Behind what was put in, it can take some chunks before those of both
		// sides are the same again, for one content in three hundred more than
		// are in a gap: that part is in the gap all the same, and so is what comes
		// next. What was inserted may be
		// about half of it.
		m.compared++
		for len(m.ring) > 0 && int64(len(m.gap)) < m.run+chunk.Max(m.bits) {
			m.pass() // its chunks may be smaller
		}
		if err := m.compare(); err != nil {
			return err
		}
		m.gap = append(m.gap[:0], m.gap[max(0, len(m.gap)-maxOld/2):]...)
	}
	m.at += c.Len
	m.run += c.Len
	m.misses++
	if m.at-m.start > tryOut && m.matched < (m.at-m.start)/8 {
		return errUnlike
	}
	if m.run > maxGap {
		if err := m.fetch(); err != nil {
			return err
		}
	}
	steps := 1
	if m.misses > strayed {
		steps = 8
	}
	for ; steps > 0 && len(m.ring) > 0; steps-- {
		m.pass()
	}
	return nil
}

// find looks for c in what is read of the base, and reads on.
func (m *matching) find(c chunk.Chunk) (i int, ok bool) {
	if n, ok := m.inRing[c]; ok {
		return n - m.first, true
	}
	if len(m.ring) == 0 && m.misses == 0 && m.guess(c) {
		return 0, true
	}
	for !m.ended && m.bytes < max(ahead, int64(16)<<m.bits) {
		if m.r == nil {
			m.r = chunk.NewReader(m.base, m.read, m.size, m.bits)
		}
		data := m.buffer()
		got, err := m.r.Next(func(b []byte) { data = append(data, b...) })
		if err != nil { // the end, or what cannot be read: it has to come from the peer then
			m.ended = true
			break
		}
		if got.Sum == chunk.Hole {
			m.read += got.Len
			continue
		}
		n := m.first + len(m.ring)
		m.add(got, data)
		if got == c {
			return n - m.first, true
		}
	}
	return 0, false
}

// guess looks whether c is what comes next in the base, as it mostly is behind a
// chunk that was found: then where it ends is known, and it need not be cut.
func (m *matching) guess(c chunk.Chunk) bool {
	if c.Len > m.size-m.read {
		return false
	}
	data := m.buffer()[:c.Len]
	if n, _ := m.base.ReadAt(data, m.read); n < len(data) || chunk.Sum(data) != c.Sum {
		chunkBuffers.Put(&data)
		return false
	}
	m.r = nil
	m.add(c, data)
	return true
}

// add takes note of the next chunk of the base.
func (m *matching) add(c chunk.Chunk, data []byte) {
	m.ring = append(m.ring, piece{c, m.read, data})
	m.read += c.Len
	m.bytes += c.Len
	if _, ok := m.inRing[c]; !ok {
		m.inRing[c] = m.first + len(m.ring) - 1
	}
}

// buffer has room for a chunk.
func (m *matching) buffer() []byte {
	if b, ok := chunkBuffers.Get().(*[]byte); ok && int64(cap(*b)) >= chunk.Max(m.bits) {
		return (*b)[:0]
	}
	return make([]byte, 0, chunk.Max(m.bits))
}

// pass goes past the first chunk of what is read ahead.
func (m *matching) pass() {
	p := m.ring[0]
	m.passed[p.Chunk] = p.off
	m.shift()
	if room := maxOld - len(m.gap); room > 0 {
		m.gap = append(m.gap, p.data[:min(room, len(p.data))]...)
	}
	chunkBuffers.Put(&p.data)
}

func (m *matching) shift() {
	p := &m.ring[0]
	if m.inRing[p.Chunk] == m.first {
		delete(m.inRing, p.Chunk)
	}
	m.bytes -= p.Len
	m.ring = m.ring[1:]
	m.first++
}

// take matches the i-th chunk of what is read ahead.
func (m *matching) take(i int) error {
	for range i {
		m.pass()
	}
	if err := m.flush(); err != nil {
		return err
	}
	p := m.ring[0]
	m.passed[p.Chunk] = p.off
	m.shift()
	return m.put(p.data, p.off)
}

// put makes the next part of what is here, and in the base at off.
func (m *matching) put(data []byte, off int64) error {
	n := int64(len(data))
	p, err := m.a.nextHere(m.at, n)
	if err != nil {
		return err
	}
	m.a.j.mixed = true
	p.data, p.lent, p.from = data, m.lent, off
	m.at += n
	m.matched += n
	m.gap, m.misses, m.compared = m.gap[:0], 0, 0
	return m.a.put(p)
}

func (m *matching) hole(n int64) error {
	p, err := m.a.next(m.at, n)
	if err != nil {
		return err
	}
	m.a.j.mixed = true
	p.hole = true
	m.at += n
	m.matched += n
	return m.a.put(p)
}

// again reads a chunk of the base that was passed. It may have changed.
func (m *matching) again(off int64, c chunk.Chunk) ([]byte, bool) {
	data := make([]byte, c.Len)
	if n, _ := m.base.ReadAt(data, off); n < len(data) || chunk.Sum(data) != c.Sum {
		return nil, false
	}
	return data, true
}

// flush plans what was not found: if the base has something in its place the two
// are compared in small chunks, else it is asked for.
func (m *matching) flush() error {
	for m.theirs.done && len(m.ring) > 0 && len(m.gap) < maxGap {
		m.pass() // the end of the base is in the place of the content's end
	}
	if m.run == 0 {
		m.gap = m.gap[:0]
		return nil
	}
	if len(m.gap) == 0 || m.run > maxGap {
		return m.fetch()
	}
	err := m.compare()
	m.gap = m.gap[:0]
	return err
}

// compare plans what was not found by its small chunks, and those of the gap.
func (m *matching) compare() error {
	p, err := m.a.next(m.at-m.run, m.run)
	if err != nil {
		return err
	}
	l, err := m.a.line()
	if err != nil {
		return err
	}
	m.a.j.mixed = true
	if err := m.a.queue(p); err != nil {
		return err
	}
	m.a.compare(l, p, append([]byte(nil), m.gap...))
	m.run = 0
	return nil
}

// fetch asks for what was not found.
func (m *matching) fetch() error {
	from := m.at - m.run
	m.run = 0
	return m.a.planPlain(from, m.at)
}

// recipe is the chunks of a content, as the peer says them.
type recipe struct {
	a      *assembly
	in     chan []chunk.Chunk
	enough chan struct{} // closed when nobody reads on
	left   []chunk.Chunk
	done   bool // all of them are known
}

// askRecipe asks for the chunks from at on. What the peer says waits on the stream
// until it is used.
func (a *assembly) askRecipe(l *line, at int64, bits uint8) *recipe {
	r := &recipe{a: a, in: make(chan []chunk.Chunk, 4), enough: make(chan struct{})}
	w := a.want(at, a.j.size-at)
	w.ChunkBits = bits
	fail := func(err error) {
		select {
		case <-r.enough: // that there is no more is no failure
		default:
			a.stop(err)
		}
	}
	l.ask(&ask{want: w, fail: fail, take: func(p *wire.Piece, _ []byte) error {
		select {
		case r.in <- p.Chunks:
		case <-r.enough:
			return errLineEnded
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		}
		if p.Last {
			close(r.in)
		}
		return nil
	}})
	return r
}

// next returns the next chunk; io.EOF after the last.
func (r *recipe) next() (chunk.Chunk, error) {
	for len(r.left) == 0 {
		select {
		case chunks, ok := <-r.in:
			if !ok {
				r.done = true
				return chunk.Chunk{}, io.EOF
			}
			r.left = chunks
		case <-r.a.ctx.Done():
			return chunk.Chunk{}, context.Cause(r.a.ctx)
		}
	}
	c := r.left[0]
	r.left = r.left[1:]
	return c, nil
}

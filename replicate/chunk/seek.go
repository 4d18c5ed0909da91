package chunk

// A processor waits three cycles for each step of a rolling hash, and could do
// four of them meanwhile. As the hash knows but the last bytes, it can begin
// anywhere: long stretches are looked at in four lanes side by side.
const (
	lane   = 2 << 10
	stripe = 4 * lane
)

// seek looks for the first border from at to end, with the hash of what is before
// at. It returns where it is, or end, and the hash there.
func seek(b []byte, at, end int, roll, mask uint64) (int, uint64, bool) {
	for end-at >= stripe {
		last, hit := sweep(b[at:at+stripe], roll, mask)
		if hit {
			break // which lane has the first one is found out the slow way
		}
		at, roll = at+stripe, last
	}
	for i, x := range b[at:end] {
		if roll = roll<<1 + gear[x]; roll&mask == 0 {
			return at + i + 1, roll, true
		}
	}
	return end, roll, false
}

// sweep looks whether there is a border in a stripe. It returns the hash at its end.
func sweep(b []byte, r0, mask uint64) (last uint64, hit bool) {
	var r1, r2, r3 uint64
	w1, w2, w3 := b[lane-window:lane], b[2*lane-window:2*lane], b[3*lane-window:3*lane]
	for i := range window {
		r1 = r1<<1 + gear[w1[i]]
		r2 = r2<<1 + gear[w2[i]]
		r3 = r3<<1 + gear[w3[i]]
	}
	l0, l1, l2, l3 := b[:lane], b[lane:2*lane], b[2*lane:3*lane], b[3*lane:4*lane]
	for i := range lane {
		r0 = r0<<1 + gear[l0[i]]
		r1 = r1<<1 + gear[l1[i]]
		r2 = r2<<1 + gear[l2[i]]
		r3 = r3<<1 + gear[l3[i]]
		if r0&mask == 0 || r1&mask == 0 || r2&mask == 0 || r3&mask == 0 {
			return 0, true
		}
	}
	return r3, false
}

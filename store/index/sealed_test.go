package index

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestSealedHas: what Has says without reading the record is what the record says.
func TestSealedHas(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	had := 0
	for range 5_000 {
		r := randomRecord(rnd)
		c, ok := ClassOf(r)
		for class := uint32(0); class < 2; class++ {
			if class == 1 && !ok {
				continue
			}
			raw, err := MarshalRecord(r, class)
			if err != nil {
				t.Fatal(err)
			}
			seals := Seals{Classes: func(n uint32) (Class, bool) { return c, n == 1 }, Damaged: func(err error) error { return err }}
			sealed := seals.Seal(r.Path, raw)
			if got, err := sealed.Open(); err != nil || !reflect.DeepEqual(got, r) {
				t.Fatalf("sealed %+v, opened %+v, %v", r, got, err)
			}
			in := Seal(r)
			for _, kind := range []Kind{File, Dir, Symlink, Gone} {
				for _, stamp := range stampsLike(r.Stamp) {
					want := r.Ours.Live() && r.Ours.Kind == kind && r.Stamp == stamp && stamp != Stamp{}
					if sealed.Has(kind, stamp) != want || in.Has(kind, stamp) != want {
						t.Fatalf("%+v has %v %+v: %v on disk, %v in memory, want %v", r, kind, stamp, sealed.Has(kind, stamp), in.Has(kind, stamp), want)
					}
					if want {
						had++
					}
				}
			}
		}
	}
	if had < 1_000 {
		t.Errorf("only %d were as their stamps", had)
	}
}

// stampsLike are s, and s with each of its fields changed in turn.
func stampsLike(s Stamp) []Stamp {
	out := []Stamp{s, {}}
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		was := reflect.ValueOf(s)
		if f := v.Field(i); f.CanInt() {
			f.SetInt(f.Int() + 1)
		} else {
			f.SetUint(f.Uint() ^ 1)
		}
		out = append(out, s)
		v.Set(was)
	}
	return out
}

// TestSealedDamaged: neither answer is taken from a record that cannot be read.
func TestSealedDamaged(t *testing.T) {
	e := &Entry{Kind: File, Hash: Hash{1}, Size: 7, ModTime: 8, Mode: 0o644, Origin: 1, Version: Version{{1, 1}}}
	r := &Record{Path: "f", Ours: e, Stamp: Stamp{Ino: 3, Size: 7, ModTime: 8, Ctime: 9, Mode: 0o100644}, Pos: 1}
	raw, err := MarshalRecord(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := errors.New("damaged")
	seals := Seals{Classes: func(uint32) (Class, bool) { return Class{}, false }, Damaged: func(error) error { return found }}
	for n := range raw {
		f := fields{rest: raw[:n]}
		for f.next() {
		}
		if cut := seals.Seal("f", raw[:n]); f.bad && cut.Has(File, r.Stamp) {
			t.Errorf("cut to %d bytes, within a field, it has the stamp", n)
		}
		raw[n] ^= 0x80 // in a tag or a length; elsewhere another value
		if bad := seals.Seal("f", raw); bad.Has(File, r.Stamp) {
			if _, err := bad.Open(); err != nil && !errors.Is(err, found) {
				t.Errorf("byte %d changed: %v", n, err)
			}
		}
		raw[n] ^= 0x80
	}
	for _, p := range []Path{"", "a//b", "..", "a\x00b"} {
		bad := seals.Seal(p, raw)
		if _, err := bad.Open(); !errors.Is(err, found) {
			t.Errorf("path %q: %v", p, err)
		}
	}
}

// TestLiveKindIn: what is said without reading the record is what the record says.
func TestLiveKindIn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	told := 0
	for range 3_000 {
		r := randomRecord(rnd)
		raw, err := MarshalRecord(r, 0)
		if err != nil {
			continue // no such record is ever written
		}
		kind, ok := LiveKindIn(raw)
		if ok && kind != r.Ours.LiveKind() {
			t.Fatalf("%v: %v is here, and %v is said to be", r, r.Ours.LiveKind(), kind)
		}
		if ok {
			told++
		}
	}
	if told < 1000 {
		t.Errorf("only %d of the records were told", told)
	}
	for _, raw := range []string{"\x0a", "\x0a\x00", "\x0a\x02\x08\x00", "\x0a\x02\x08\x09", "\xff"} {
		if kind, ok := LiveKindIn([]byte(raw)); ok {
			t.Errorf("%x: said to be %v", raw, kind)
		}
	}
}

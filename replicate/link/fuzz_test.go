package link

import (
	"strings"
	"testing"
)

// FuzzPublicKey: what is taken as the peer's key is one key, however its line
// was written.
func FuzzPublicKey(f *testing.F) {
	key, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	const stable = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8sWGCyXXgqmHfTuZ3hVC5mF1Lfj1QX1BbFwLC2HEMT"
	for _, line := range []string{stable, stable + " b", "\t" + stable + "\r\n", "# no key\n" + stable, "no-pty " + stable,
		stable + "\n" + stable, strings.Replace(stable, "ed25519", "rsa", 1), key.Public().Line("c")} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParsePublicKey(line)
		if err != nil {
			if text := err.Error(); len(text) > 400 {
				t.Errorf("an error of %d bytes", len(text))
			}
			return
		}
		again, err := ParsePublicKey(k.Line("comment"))
		if err != nil || !again.is(k.key) || NodeID(again) != NodeID(k) || again.Fingerprint() != k.Fingerprint() {
			t.Errorf("%q came back as %v, %v", line, again, err)
		}
		if short := k.Line(""); !strings.Contains(line, short) && !strings.Contains(line, strings.TrimPrefix(short, "ssh-ed25519 ")) {
			t.Errorf("%q is not in %q", short, line)
		}
	})
}

// FuzzKind: the type of a channel says one kind of stream, or none.
func FuzzKind(f *testing.F) {
	for _, s := range []string{"duet-control@1", "duet-fetch-2@1", "duet-@1", "duet-x", "x@1", "session", "duet-A@1", "duet-x@2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, channel string) {
		kind, ok := kindOf(channel)
		if ok && (CheckKind(kind) != nil || typePrefix+kind+typeSuffix != channel) {
			t.Errorf("%q is taken for kind %q", channel, kind)
		}
		if CheckKind(channel) == nil {
			if back, ok := kindOf(typePrefix + channel + typeSuffix); !ok || back != channel {
				t.Errorf("kind %q comes back as %q, %v", channel, back, ok)
			}
		}
	})
}

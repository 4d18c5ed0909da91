package link

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"duet/store/index"
)

// PublicKey is a node's identity as the other node pins it. The zero PublicKey
// is nobody's.
type PublicKey struct {
	key ssh.PublicKey
}

// Key is a node's own identity.
type Key struct {
	signer ssh.Signer
}

// ParsePublicKey reads a line as PublicKey.Line and OpenSSH write it:
// "ssh-ed25519 AAAA... comment".
func ParsePublicKey(line string) (PublicKey, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil:
		return PublicKey{}, fmt.Errorf("public key %q: not of the form 'ssh-ed25519 AAAA...', as 'duet key' prints it", clip(line))
	case key.Type() != ssh.KeyAlgoED25519:
		return PublicKey{}, fmt.Errorf("public key of type %s: duet's keys are ssh-ed25519, as 'duet key' prints them", key.Type())
	case len(options) > 0:
		return PublicKey{}, errors.New("public key: options before the key mean nothing here, leave them out")
	case len(bytes.TrimSpace(rest)) > 0:
		return PublicKey{}, errors.New("public key: more than one line")
	}
	return PublicKey{key}, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// IsZero reports whether k is nobody's key.
func (k PublicKey) IsZero() bool { return k.key == nil }

// Line returns k as ParsePublicKey reads it; comment may be empty.
func (k PublicKey) Line(comment string) string {
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.key)))
	if comment != "" {
		line += " " + comment
	}
	return line
}

// Fingerprint returns k in the short form that people compare: "SHA256:...".
func (k PublicKey) Fingerprint() string { return ssh.FingerprintSHA256(k.key) }

func (k PublicKey) is(other ssh.PublicKey) bool {
	return k.key != nil && other != nil && bytes.Equal(k.key.Marshal(), other.Marshal())
}

// NodeID returns the identity that k gives a node.
func NodeID(k PublicKey) index.NodeID {
	sum := sha256.Sum256(k.key.Marshal())
	return index.NodeID(binary.BigEndian.Uint64(sum[:]))
}

// Public returns the public half of k.
func (k *Key) Public() PublicKey { return PublicKey{k.signer.PublicKey()} }

// NewKey makes a key that is stored nowhere.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return keyFrom(private)
}

func keyFrom(private ed25519.PrivateKey) (*Key, error) {
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	return &Key{signer}, nil
}

// LoadKey reads a node's key from an OpenSSH private key file. A file that
// others may read is refused.
func LoadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("node key: %w: run it as the user that the state directory belongs to, or name another directory with --state", err)
	}
	if err != nil {
		return nil, fmt.Errorf("node key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("node key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("node key %s: mode %04o lets others read it: run chmod 600 on it, or make a new key if somebody may have",
			path, info.Mode().Perm())
	}
	const limit = 64 << 10
	if info.Size() > limit {
		return nil, fmt.Errorf("node key %s: %d bytes is too long for a key", path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("node key: %w", err)
	}
	raw, err := ssh.ParseRawPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("node key %s: %w: it must be an OpenSSH ed25519 key without passphrase; restore it, or remove it to get a new one (the peer must then be told)", path, err)
	}
	private, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("node key %s: is a %T: it must be an ed25519 key", path, raw)
	}
	return keyFrom(*private)
}

// LoadOrCreateKey reads the key at path, or makes one there, mode 0600, if
// nothing is. It never replaces a file.
func LoadOrCreateKey(path, comment string) (*Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := createKey(path, comment); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create node key %s: %w", path, err)
	}
	return LoadKey(path)
}

// createKey writes the whole file under another name first and then links it,
// so that a crash leaves no half key and two processes agree on one.
func createKey(path, comment string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".node_key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

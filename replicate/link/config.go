package link

import (
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// What the two sides offer each other. They are the same program, so there is
// no reason to offer more than the best; a second choice is there for hosts
// that are upgraded one at a time.
var (
	ciphers   = []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305}
	exchanges = []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519}
	keyAlgos  = []string{ssh.KeyAlgoED25519}
)

const versionString = "SSH-2.0-Duet"

func (o *Options) algorithms() ssh.Config {
	return ssh.Config{KeyExchanges: exchanges, Ciphers: o.Ciphers}
}

// strangerError refuses a key that is not the pinned one.
type strangerError struct {
	fingerprint string
}

func (e *strangerError) Error() string {
	return fmt.Sprintf("key %s is not peer.key", e.fingerprint)
}

// server returns the configuration for one connection; a key that it refuses
// is reported to refused.
func (o *Options) server(refused func(error)) *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		Config:                  o.algorithms(),
		PublicKeyAuthAlgorithms: keyAlgos,
		ServerVersion:           versionString,
		MaxAuthTries:            3,
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !o.Peer.is(key) {
				err := &strangerError{ssh.FingerprintSHA256(key)}
				refused(err)
				return nil, err
			}
			return nil, nil
		},
	}
	c.AddHostKey(o.Key.signer)
	return c
}

// client returns the configuration for one connection; a host key that it
// refuses is reported to refused.
func (o *Options) client(share string, refused func(error)) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config:            o.algorithms(),
		User:              share,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(o.Key.signer)},
		ClientVersion:     versionString,
		HostKeyAlgorithms: keyAlgos,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !o.Peer.is(key) {
				err := &strangerError{ssh.FingerprintSHA256(key)}
				refused(err)
				return err
			}
			return nil
		},
	}
}

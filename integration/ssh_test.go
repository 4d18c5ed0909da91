package integration

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// An OpenSSH client that reaches our port gets nothing: not with a key of its
// own, and not with the peer's own key either, for there is no shell, no
// command, no subsystem and no forwarding behind it.
func TestOpenSSHClientGetsNothing(t *testing.T) {
	rig.Need(t, "ssh", "ssh-keygen")
	t.Parallel()
	p := rig.NewPair(t, rig.Options{})
	p.A.Start()
	dir := rig.Dir(t)
	stranger := filepath.Join(dir, "key")
	command(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger)
	peer := filepath.Join(dir, "peer") // b's own key
	must(t, os.WriteFile(peer, []byte(read(t, filepath.Join(p.B.State, "node_key"))), 0o600))
	host, port, err := net.SplitHostPort(p.A.Listen)
	must(t, err)
	canary := filepath.Join(dir, "canary")
	for name, words := range map[string][]string{
		"a stranger's command":      {"-i", stranger, "data@" + host, "touch " + canary},
		"the peer's command":        {"-i", peer, "data@" + host, "touch " + canary},
		"the peer's shell":          {"-i", peer, "-tt", "data@" + host},
		"the peer's subsystem":      {"-i", peer, "-s", "data@" + host, "sftp"},
		"the peer's tunnel":         {"-i", peer, "-W", p.A.Listen, "data@" + host},
		"a stranger as root":        {"-i", stranger, "root@" + host, "touch " + canary},
		"a share that is not there": {"-i", peer, "nosuch@" + host, "touch " + canary},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			options := []string{"-p", port, "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes",
				"-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10"}
			cmd := exec.CommandContext(t.Context(), "ssh", append(options, words...)...)
			cmd.Stdout, cmd.Stderr = &out, &errs
			timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			err := cmd.Run()
			if err == nil {
				t.Errorf("ssh succeeded")
			}
			if !timer.Stop() {
				t.Error("ssh was left hanging")
			}
			if out.Len() > 0 {
				t.Errorf("ssh got %q", out.String())
			}
			t.Logf("%v: %s", err, strings.TrimSpace(errs.String()))
		})
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a command was run")
	}
	// It is told that it is refused before that is logged.
	if !rig.Until(patience, func() bool { return strings.Contains(p.A.LogTail(1000), "SHA256:") }) {
		t.Errorf("the stranger's fingerprint is not logged\n%s", p.A.LogTail(20))
	}
	p.B.Start()
	write(t, p.A.At("file"), "all well")
	p.Settle(patience)
}

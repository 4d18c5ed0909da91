package integration

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"duet/integration/rig"
)

// The first command of the README: it judges itself, so the exit code is the
// result. What it says must name what a reader of design and README expects.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := exec.Command(rig.Binary(t), "demo")
	cmd.Dir = rig.Dir(t)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+cmd.Dir, "HOME="+cmd.Dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("duet demo: %v\n%s", err, out.String())
	}
	t.Logf("took %v", time.Since(began).Round(time.Millisecond))
	for _, want := range []string{
		"cgi-bins/updatetestfile.cgi", "images/imgfile3.png", "images/willbewebmgrowneratremote.txt",
		"tgt-a-new1.img", "tgt-b-new4.jpg", "kept", "conflict", "track", "running", "128",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo never says %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

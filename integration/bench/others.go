package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// lsyncdTool is one lsyncd per host, each pushing to the other with rsync over
// ssh: the two-way configuration, with `update` so that the newer file wins and
// the echo ends, and with rsync's temporary files outside the tree, as the other
// lsyncd would send each of them back.
type lsyncdTool struct{}

func (lsyncdTool) name() string { return "lsyncd" }

func (lsyncdTool) version() (string, error) { return firstLine("lsyncd", "--version") }

func (lsyncdTool) configure(l *lab) error {
	for _, h := range l.hosts() {
		text := fmt.Sprintf(`settings { nodaemon = true, logfile = "/dev/null", statusFile = "%[1]s/state/status" }
sync { default.rsync, source = "%[2]s", target = "%[3]s:%[4]s", delay = 1, delete = "running",
  rsync = { archive = true, update = true, rsh = "ssh -F %[5]s", temp_dir = "%[6]s" } }
`, h.dir, l.root(h), l.other(h).name, l.root(l.other(h)), l.sshConfig(), filepath.Join(l.other(h).dir, "tmp"))
		if err := os.MkdirAll(filepath.Join(h.dir, "tmp"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(h.dir, "lsyncd.lua"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (lsyncdTool) commands(l *lab) (a, b []string) {
	of := func(h *host) []string { return []string{"lsyncd", filepath.Join(h.dir, "lsyncd.lua")} }
	return of(l.a), of(l.b)
}

// unisonTool is unison on host a: watching with unison-fsmonitor where that is
// installed, else scanning every second.
type unisonTool struct{}

func (unisonTool) name() string { return "unison" }

func (unisonTool) version() (string, error) {
	v, err := firstLine("unison", "-version")
	if _, lacks := firstLine("unison-fsmonitor", "-version"); err == nil && lacks != nil && !installed("unison-fsmonitor") {
		v += " (no unison-fsmonitor in this package: it scans again every second)"
	}
	return v, err
}

func (unisonTool) configure(l *lab) error { return nil }

func (unisonTool) commands(l *lab) (a, b []string) {
	repeat := "1"
	if installed("unison-fsmonitor") {
		repeat = "watch"
	}
	there := fmt.Sprintf("ssh://b/%s", l.root(l.b))
	return []string{"unison", l.root(l.a), there, "-batch", "-auto", "-ui", "text", "-repeat", repeat, "-prefer", "newer", "-times",
		"-confirmbigdel=false", "-ignorelocks", "-servercmd", "env UNISON=" + filepath.Join(l.b.dir, "unison") + " unison", "-sshargs", "-F " + l.sshConfig()}, nil
}

// syncthingTool is syncthing with the two devices' addresses fixed and all that
// talks to others turned off.
type syncthingTool struct{}

func (syncthingTool) name() string { return "syncthing" }

func (syncthingTool) version() (string, error) { return firstLine("syncthing", "--version") }

var deviceID = regexp.MustCompile(`[A-Z0-9]{7}(-[A-Z0-9]{7}){7}`)

func (syncthingTool) configure(l *lab) error {
	ids := map[*host]string{}
	for _, h := range l.hosts() {
		home := filepath.Join(h.dir, "state")
		if _, err := h.run(context.Background(), "syncthing", "generate", "--no-default-folder", "--skip-port-probing", "--home", home); err != nil {
			return err
		}
		out, err := h.run(context.Background(), "syncthing", "--device-id", "--home", home)
		if err != nil {
			return err
		}
		ids[h] = deviceID.FindString(out)
	}
	for _, h := range l.hosts() {
		var devices, members strings.Builder
		for _, d := range l.hosts() {
			addr := "dynamic"
			if d != h {
				addr = "tcp://" + l.reach(d, 22000)
			}
			fmt.Fprintf(&devices, "<device id=%q name=%q compression=\"never\"><address>%s</address></device>", ids[d], d.name, addr)
			fmt.Fprintf(&members, "<device id=%q></device>", ids[d])
		}
		text := fmt.Sprintf(`<configuration version="35">
<folder id="data" label="data" path="%s" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1">
%s<filesystemType>basic</filesystemType><minDiskFree unit="%%">0</minDiskFree><markerName>.</markerName></folder>
%s
<gui enabled="false"></gui>
<options><listenAddress>tcp://%s:22000</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled>
<setLowPriority>false</setLowPriority><reconnectionIntervalS>1</reconnectionIntervalS><startBrowser>false</startBrowser></options>
</configuration>
`, l.root(h), members.String(), devices.String(), h.addr)
		if err := os.WriteFile(filepath.Join(h.dir, "state", "config.xml"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (syncthingTool) commands(l *lab) (a, b []string) {
	of := func(h *host) []string {
		return []string{"syncthing", "serve", "--no-browser", "--no-restart", "--no-upgrade", "--skip-port-probing", "--home", filepath.Join(h.dir, "state")}
	}
	return of(l.a), of(l.b)
}

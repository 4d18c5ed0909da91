package rig

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

var (
	spawnOnce sync.Once
	spawnJobs = make(chan func())
)

// spawn starts cmd so that the kernel kills it when this process dies, even by
// a test's time-out. prctl(2), PR_SET_PDEATHSIG, goes by the thread that
// forked, so one thread, which never ends, does all the forking.
func spawn(cmd *exec.Cmd) error {
	spawnOnce.Do(func() {
		go func() {
			runtime.LockOSThread()
			for job := range spawnJobs {
				job()
			}
		}()
	})
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	result := make(chan error)
	spawnJobs <- func() { result <- cmd.Start() }
	return <-result
}

package scan

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Priorities of ioprio_set(2), which golang.org/x/sys has no names for.
const (
	ioprioWhoProcess = 1
	ioprioBestEffort = 2 << 13
	ioprioLowest     = 7
)

// giveWay has the calling goroutine give way to other programs for the rest of its
// life: on the processor by nice, and at the disk. Linux has both per thread; the
// thread ends with the goroutine, as nobody but root can take it back. It is a
// favour: where the kernel does not do it, all goes on as before.
func giveWay(nice int) {
	if nice <= 0 {
		return
	}
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioBestEffort|ioprioLowest)
}

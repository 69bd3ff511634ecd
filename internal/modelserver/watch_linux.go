package modelserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// readiness tells whether a socket has something to read, or has ended; where it has not, it yields the processor. The
// system calls are raw: both return at once, and the scheduler of goroutines would wake its monitor for them.
func readiness(c syscall.Conn) func() (bool, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	var ready bool
	look := func(fd uintptr) {
		_, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, 0, 0, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		if ready = errno != unix.EAGAIN; !ready {
			_, _, _ = syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // can't fail
		}
	}
	return func() (bool, error) {
		err := raw.Control(look)
		return ready, err
	}
}

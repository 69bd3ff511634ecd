package sandbox

import (
	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// describe says what the policy keeps from the process.
func describe(reach Reach) string {
	switch {
	case reach.Listen && len(reach.Execute) > 0:
		return "no network but to listen on Unix sockets, no new processes (seccomp)"
	case reach.Listen:
		return "no network but to listen on Unix sockets, no other programs (seccomp)"
	case len(reach.Execute) > 0:
		return "no network, no new processes (seccomp)"
	}
	return "no network, no other programs (seccomp)"
}

// policy forbids what a computation has no use for: new sockets, other
// programs and processes, tracing, name spaces, mounts, kernel keys and
// modules, asynchronous system calls, raising its own limits.
func policy(reach Reach) seccomp.Policy {
	refuse := func(err unix.Errno) seccomp.Action { return seccomp.ActionErrno | seccomp.Action(err) }
	conditions := []seccomp.NameWithConditions{
		{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD}}},
		{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.NotEqual, Value: 0}}},
	}
	names := forbidden()
	if reach.Listen {
		// A datagram socket could be sent from without being connected. Its bit is in raw ones too.
		names = append(names, "connect")
		conditions = append(conditions,
			seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_UNIX}}},
			seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.BitsSet, Value: unix.SOCK_DGRAM}}},
		)
	} else {
		names = append(names, "socket", "socketpair")
	}
	if len(reach.Execute) == 0 { // else Landlock says what
		names = append(names, "execve", "execveat")
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{
			{Action: refuse(unix.EPERM), Names: names},
			// New threads are fine, new processes are not. The flags of clone3 lie in
			// memory, where a filter cannot look: the C library falls back to clone.
			{Action: refuse(unix.ENOSYS), Names: []string{"clone3"}},
			{Action: refuse(unix.EPERM), NamesWithCondtions: conditions},
		},
	}
}

func forbidden() []string {
	return append(legacy(),
		"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_open",
		"pidfd_send_signal", "kill", "setsid", "setpgid", "setrlimit", "sched_setaffinity", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot",
		"open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "bpf", "perf_event_open", "userfaultfd",
		"io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "init_module", "finit_module",
		"delete_module", "kexec_load", "reboot", "swapon", "swapoff", "quotactl", "acct", "settimeofday", "clock_settime",
		"open_by_handle_at", "name_to_handle_at", "personality", "syslog", "vhangup")
}

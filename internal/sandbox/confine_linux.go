package sandbox

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// confine takes away files and network with Landlock, and system calls with
// seccomp. It holds for every thread, and for good.
func confine(reach Reach) (held []string, err error) {
	files, err := confineFiles(reach)
	if err != nil {
		return nil, err
	}
	held = append(held, files)
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy()}
	if err := seccomp.LoadFilter(filter); err != nil {
		// A kernel or a container that lets no filter in is told, as a lack.
		return append(held, fmt.Sprintf("without a filter of system calls: %s", err)), nil
	}
	return append(held, "no network, no other programs (seccomp)"), nil
}

func confineFiles(reach Reach) (string, error) {
	version := landlockVersion()
	if version == 0 {
		return "without a bound on files: the kernel has no Landlock", nil
	}
	rules := []landlock.Rule{
		landlock.RODirs(folders(reach.Read)...), landlock.ROFiles(files(reach.Read)...),
		landlock.RWDirs(folders(reach.Write)...).WithIoctlDev(), landlock.RWFiles(files(reach.Write)...).WithIoctlDev(),
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return "", fmt.Errorf("landlock: %w", err)
	}
	return fmt.Sprintf("%d paths to read, %d to write (Landlock version %d)", len(reach.Read), len(reach.Write), version), nil
}

// landlockVersion is what the kernel offers, 0 for nothing.
func landlockVersion() int {
	const versionFlag = 1
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, versionFlag)
	if errno != 0 {
		return 0
	}
	return int(v)
}

func folders(paths []string) []string { return existing(paths, true) }
func files(paths []string) []string   { return existing(paths, false) }

// existing picks the folders, or what is none; what does not exist needs no permission.
func existing(paths []string, folder bool) []string {
	var out []string
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() == folder {
			out = append(out, p)
		}
	}
	return out
}

// policy forbids what a computation has no use for: new sockets, other
// programs and processes, tracing, name spaces, mounts, kernel keys and
// modules, asynchronous system calls, raising its own limits.
func policy() seccomp.Policy {
	refuse := func(err unix.Errno) seccomp.Action { return seccomp.ActionErrno | seccomp.Action(err) }
	return seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{
			{Action: refuse(unix.EPERM), Names: forbidden()},
			// New threads are fine, new processes are not. The flags of clone3 lie in
			// memory, where a filter cannot look: the C library falls back to clone.
			{Action: refuse(unix.ENOSYS), Names: []string{"clone3"}},
			{Action: refuse(unix.EPERM), NamesWithCondtions: []seccomp.NameWithConditions{
				{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD}}},
				{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.NotEqual, Value: 0}}},
			}},
		},
	}
}

func forbidden() []string {
	return append(legacy(),
		"socket", "socketpair", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_open",
		"pidfd_send_signal", "kill", "setsid", "setpgid", "setrlimit", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot",
		"open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "bpf", "perf_event_open", "userfaultfd",
		"io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "init_module", "finit_module",
		"delete_module", "kexec_load", "reboot", "swapon", "swapoff", "quotactl", "acct", "settimeofday", "clock_settime",
		"open_by_handle_at", "name_to_handle_at", "personality", "syslog", "vhangup")
}

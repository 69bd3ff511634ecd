package sandbox

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
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
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy(reach)}
	if err := seccomp.LoadFilter(filter); err != nil {
		// A kernel or a container that lets no filter in is told, as a lack.
		return append(held, fmt.Sprintf("without a filter of system calls: %s", err)), nil
	}
	return append(held, describe(reach)), nil
}

func confineFiles(reach Reach) (string, error) {
	version := landlockVersion()
	if version == 0 {
		if len(reach.Execute) > 0 {
			return "without a bound on files and programs: the kernel has no Landlock", nil
		}
		return "without a bound on files: the kernel has no Landlock", nil
	}
	rules := []landlock.Rule{
		landlock.PathAccess(readFolder, folders(reach.Read)...), landlock.PathAccess(readFile, files(reach.Read)...),
		landlock.PathAccess(readFolder|writeFolder, folders(reach.Write)...), landlock.PathAccess(readFile|writeFile, files(reach.Write)...),
		landlock.PathAccess(readFile|ll.AccessFSExecute, files(reach.Execute)...),
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return "", fmt.Errorf("landlock: %w", err)
	}
	programs := ""
	if len(reach.Execute) > 0 {
		programs = fmt.Sprintf(", %d files to execute", len(reach.Execute))
	}
	return fmt.Sprintf("%d paths to read, %d to write%s (Landlock version %d)", len(reach.Read), len(reach.Write), programs, version), nil
}

// What may be done with paths. Nothing but Reach.Execute may be executed: what is
// read needs no such right, libraries neither.
const (
	readFile    = ll.AccessFSReadFile
	readFolder  = readFile | ll.AccessFSReadDir
	writeFile   = ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSIoctlDev
	writeFolder = writeFile | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym
)

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

package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process and all that it started take.
type Usage struct {
	Resident int64         // bytes
	CPU      time.Duration // since each of them started
}

// tick is the unit in which the kernel tells CPU time (USER_HZ, 100 on every architecture of Linux).
const tick = 10 * time.Millisecond

// UsageOf is that of the process with this id and of all below it, as far as the kernel tells.
func UsageOf(root int) Usage {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Usage{}
	}
	own, children := map[int]Usage{}, map[int][]int{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil { // it has ended meanwhile
			continue
		}
		// Behind the command in parentheses: state, parent, …; of all fields 14 and 15 are CPU time, 24 resident pages (proc(5)).
		text := string(b)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) <= 21 {
			continue
		}
		number := func(field int) int64 {
			n, _ := strconv.ParseInt(fields[field-3], 10, 64)
			return n
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		own[pid] = Usage{Resident: number(24) * int64(os.Getpagesize()), CPU: time.Duration(number(14)+number(15)) * tick}
		children[int(number(4))] = append(children[int(number(4))], pid)
	}
	var total Usage
	for below := []int{root}; len(below) > 0; {
		pid := below[0]
		total.Resident += own[pid].Resident
		total.CPU += own[pid].CPU
		below = append(below[1:], children[pid]...)
	}
	return total
}

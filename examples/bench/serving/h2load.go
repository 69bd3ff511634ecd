package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// load is what h2load is told.
type load struct {
	endpoint *endpoint
	clients  int
	length   time.Duration
}

// traffic is what h2load says at its end of all that it did.
type traffic struct {
	started, done, failed int   // requests
	body                  int64 // bytes of all answers' bodies
}

// h2load has clients send a row each when its last is answered, one on each connection, and reads the log of all answers.
func (b *bench) h2load(ctx context.Context, l load) (_ []sample, _ traffic, err error) {
	dir, err := os.MkdirTemp(b.dir, "h2load-")
	if err != nil {
		return nil, traffic{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	body, log := dir+"/body", dir+"/log"
	if err := os.WriteFile(body, l.endpoint.body, 0o600); err != nil {
		return nil, traffic{}, err
	}
	args := []string{
		"--threads=1", "--max-concurrent-streams=1", "--clients=" + strconv.Itoa(l.clients), fmt.Sprintf("--duration=%dms", l.length.Milliseconds()),
		"--data=" + body, "--log-file=" + log,
	}
	if l.endpoint.grpc {
		args = append(args, "--header=content-type: application/grpc", "--header=te: trailers")
	} else {
		args = append(args, "--h1", "--header=content-type: "+jsonType)
	}
	out, err := exec.CommandContext(ctx, b.generator, append(args, l.endpoint.url)...).CombinedOutput()
	if err != nil {
		return nil, traffic{}, fmt.Errorf("%s: %w: %.300s", b.generator, err, out)
	}
	t, err := readTraffic(string(out))
	if err != nil {
		return nil, t, err
	}
	f, err := os.Open(log)
	if err != nil {
		return nil, t, err
	}
	samples, readErr := readLog(f)
	return samples, t, errors.Join(readErr, f.Close())
}

// readTraffic reads the lines "requests: …" and "traffic: …" of h2load's report.
func readTraffic(report string) (t traffic, err error) {
	found := 0
	for line := range strings.Lines(report) {
		var ignored int
		var size string
		switch {
		case strings.HasPrefix(line, "requests: "):
			var broken, late int
			_, err = fmt.Sscanf(line, "requests: %d total, %d started, %d done, %d succeeded, %d failed, %d errored, %d timeout",
				&ignored, &t.started, &t.done, &ignored, &t.failed, &broken, &late)
			t.failed = max(t.failed, broken, late)
			found++
		case strings.HasPrefix(line, "traffic: "):
			at := strings.LastIndex(line, "(") // "…, 6.84MB (7174945) data"
			_, err = fmt.Sscanf(line[max(at, 0):], "(%d) %s", &t.body, &size)
			found++
		}
		if err != nil {
			return t, fmt.Errorf("read h2load's line %q: %w", strings.TrimSpace(line), err)
		}
	}
	if found != 2 {
		return t, fmt.Errorf("h2load reported neither requests nor traffic, or not both: %.300s", report)
	}
	return t, nil
}

// readLog reads a log of h2load: lines of the start in microseconds since 1970, the status and the microseconds until the answer was there.
// Any status but 200 is an error that tells how many there were.
func readLog(r io.Reader) (out []sample, err error) {
	other, wrong := map[int64]int{}, 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var numbers [3]int64
		fields := bytes.Split(lines.Bytes(), []byte{'\t'})
		if len(fields) < len(numbers) {
			return nil, fmt.Errorf("read h2load's log: %.100q is no line of it", lines.Text())
		}
		for i := range numbers {
			if numbers[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil {
				return nil, fmt.Errorf("read h2load's log: %w", err)
			}
		}
		if numbers[1] != 200 {
			other[numbers[1]]++
			wrong++
			continue
		}
		latency := time.Duration(numbers[2]) * time.Microsecond
		out = append(out, sample{time.UnixMicro(numbers[0]).Add(latency), latency})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read h2load's log: %w", err)
	}
	if wrong > 0 {
		return nil, fmt.Errorf("%d of %d answers were not 200, but (status: how many) %v", wrong, wrong+len(out), other)
	}
	return out, nil
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// okStatus is that of an answer.
const okStatus = http.StatusOK

// load is how rows are sent, by clients of which each has a connection with one request at a time on it.
type load struct {
	clients int
	length  time.Duration // from when all clients are connected
	// turn is how long after its last row each client sends the next, whatever the answers do. 0: when the last was answered.
	turn time.Duration
}

// openLoop is a load of so many rows a second that does not follow the answers.
func openLoop(rate float64, length time.Duration) load {
	return load{clients: max(1, int(rate*turn.Seconds())), length: length, turn: turn}
}

// turn is much longer than an answer takes: a client whose answer is not there by its turn sends late.
const turn = 300 * time.Millisecond

// apart is how many milliseconds after each other the clients of an open loop connect. As they keep sending at the times that this gave them,
// rows come one by one and not all clients' at once: the clients spread over several turns.
func (l load) apart() int {
	const spread = 10
	return max(1, int(spread*l.turn.Milliseconds())/l.clients)
}

// ramp is how long the clients of an open loop take to connect.
func (l load) ramp() time.Duration {
	if l.turn == 0 {
		return 0
	}
	return time.Duration(l.clients*l.apart()) * time.Millisecond
}

// seen is what a load saw.
type seen struct {
	traffic
	samples []sample
	cpu     time.Duration // that h2load took
}

// traffic is what h2load says at its end of all that it did.
type traffic struct {
	started, done, broken int   // requests; broken: without any answer
	body                  int64 // bytes of all answers' bodies
}

// arguments of h2load, without the files and the endpoint's.
func (l load) arguments() []string {
	args := []string{"--threads=1", "--max-concurrent-streams=1", "--clients=" + strconv.Itoa(l.clients)}
	if l.turn == 0 {
		return append(args, fmt.Sprintf("--duration=%dms", l.length.Milliseconds()))
	}
	each := int((l.ramp()+l.length)/l.turn) + 1
	return append(args, fmt.Sprintf("--rps=%.6f", 1/l.turn.Seconds()), "--requests="+strconv.Itoa(each*l.clients),
		"--rate=1", fmt.Sprintf("--rate-period=%dms", l.apart()))
}

// h2load runs a load and reads h2load's log of all answers.
func (b *bench) h2load(ctx context.Context, e *endpoint, l load) (out seen, err error) {
	dir, err := os.MkdirTemp(b.dir, "h2load-")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	body, log := filepath.Join(dir, "body"), filepath.Join(dir, "log")
	if err := os.WriteFile(body, e.body, 0o600); err != nil {
		return out, err
	}
	args := append(l.arguments(), "--data="+body, "--log-file="+log)
	if e.grpc {
		args = append(args, "--header=content-type: application/grpc", "--header=te: trailers")
	} else {
		args = append(args, "--h1", "--header=content-type: "+jsonType)
	}
	cmd := exec.CommandContext(ctx, b.generator, append(args, e.url)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %.300s", b.generator, err, said)
	}
	out.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if out.traffic, err = readTraffic(string(said)); err != nil {
		return out, err
	}
	f, err := os.Open(log)
	if err != nil {
		return out, err
	}
	out.samples, err = readLog(f)
	return out, errors.Join(err, f.Close())
}

// readTraffic reads the lines "requests: …" and "traffic: …" of h2load's report.
func readTraffic(report string) (t traffic, err error) {
	found := 0
	for line := range strings.Lines(report) {
		var ignored int
		var size string
		switch {
		case strings.HasPrefix(line, "requests: "):
			var late int
			_, err = fmt.Sscanf(line, "requests: %d total, %d started, %d done, %d succeeded, %d failed, %d errored, %d timeout",
				&ignored, &t.started, &t.done, &ignored, &ignored, &t.broken, &late)
			t.broken = max(t.broken, late)
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
		return t, fmt.Errorf("h2load did not report its requests and its traffic: %.300s", report)
	}
	return t, nil
}

// readLog reads a log of h2load: lines of the start in microseconds since 1970, the status (-1: none) and the microseconds until the answer
// was there.
func readLog(r io.Reader) (out []sample, err error) {
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
		latency := time.Duration(numbers[2]) * time.Microsecond
		out = append(out, sample{end: time.UnixMicro(numbers[0]).Add(latency), latency: latency, status: int(numbers[1])})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read h2load's log: %w", err)
	}
	return out, nil
}

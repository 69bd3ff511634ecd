package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// report is what h2load 1.52 printed at its end (the progress before it left out).
const report = `Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 1.50s, 24031.33 req/s, 7.06MB/s
requests: 36047 total, 36055 started, 36047 done, 36047 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 36047 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 10.59MB (11102476) total, 2.68MB (2812290) headers (space savings 0.00%), 6.84MB (7174945) data
                     min         max         mean         sd        +/- sd
time for request:       20us     42.51ms       330us      1.22ms    97.56%
`

func TestTraffic(t *testing.T) {
	t.Parallel()
	got, err := readTraffic(report)
	require.NoError(t, err)
	require.Equal(t, traffic{started: 36055, done: 36047, body: 7174945}, got)

	got, err = readTraffic(strings.Replace(report, "0 failed, 0 errored", "3 failed, 2 errored", 1))
	require.NoError(t, err)
	require.Equal(t, 2, got.broken)

	_, err = readTraffic("h2load: could not resolve")
	require.ErrorContains(t, err, "could not resolve")
	_, err = readTraffic("requests: many\ntraffic: much\n")
	require.ErrorContains(t, err, "requests: many")
}

// answers are so many of each status, all at once.
func answers(of map[int]int) (out []sample) {
	for status, n := range of {
		for range n {
			out = append(out, sample{end: time.UnixMicro(1), latency: time.Millisecond, status: status})
		}
	}
	return out
}

// TestWhole lets nothing be missing but what was under way at the end: here of 8 clients.
func TestWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent traffic
		got  map[int]int
		err  string
	}{
		"all":             {traffic{started: 100, done: 100}, map[int]int{200: 100}, ""},
		"under way":       {traffic{started: 108, done: 100}, map[int]int{200: 100}, ""},
		"lost":            {traffic{started: 109, done: 100}, map[int]int{200: 100}, "109 requests were sent, 100 answered"},
		"broken":          {traffic{started: 101, done: 101, broken: 1}, map[int]int{200: 100}, "1 of 101 requests had no answer"},
		"not in the log":  {traffic{started: 100, done: 100}, map[int]int{200: 99}, "99 logged"},
		"not 200":         {traffic{started: 100, done: 100}, map[int]int{200: 97, 503: 2, -1: 1}, "3 of 100 answers were not 200, but (status: how many) map[-1:1 503:2]"},
		"no server there": {traffic{}, nil, "no answer at all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := seen{traffic: c.sent, samples: answers(c.got)}.whole(8)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
		})
	}
}

// TestAnswered finds answers without a message, which gRPC sends as a 200: one of 100 of 50 bytes, with 8 clients.
func TestAnswered(t *testing.T) {
	t.Parallel()
	sent := seen{traffic: traffic{started: 108, done: 100, body: 5000}}
	require.NoError(t, sent.answered(50, 8))
	sent.body += 30 // the beginning of one that was under way
	require.NoError(t, sent.answered(50, 8))
	sent.body = 4950
	require.ErrorContains(t, sent.answered(50, 8), "100 answers of 50 bytes would be 5000; 4950 bytes came")
	sent.body = 5401
	require.ErrorContains(t, sent.answered(50, 8), "5401 bytes came")
}

func TestLog(t *testing.T) {
	t.Parallel()
	got, err := readLog(strings.NewReader("1795429930130841\t200\t1173\n1795429930131347\t-1\t697\n"))
	require.NoError(t, err)
	require.Equal(t, []sample{
		{time.UnixMicro(1795429930132014), 1173 * time.Microsecond, 200}, {time.UnixMicro(1795429930132044), 697 * time.Microsecond, -1},
	}, got)
	require.Equal(t, time.UnixMicro(1795429930130841), got[0].start())

	_, err = readLog(strings.NewReader("1\t200\n"))
	require.ErrorContains(t, err, "is no line of it")
	_, err = readLog(strings.NewReader("1\tOK\t5\n"))
	require.ErrorContains(t, err, `parsing "OK"`)
}

// TestArguments has the clients of an open loop connect one by one over some turns.
func TestArguments(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"--threads=1", "--max-concurrent-streams=1", "--clients=64", "--duration=3200ms"}, load{clients: 64, length: 3200 * time.Millisecond}.arguments())
	l := openLoop(1000, 9*time.Second) // each client has 30 turns in these, and 10 while they connect
	require.Equal(t, []string{"--threads=1", "--max-concurrent-streams=1", "--clients=300", "--rps=3.333333", "--requests=12300", "--rate=1", "--rate-period=10ms"}, l.arguments())
	require.Equal(t, 3*time.Second, l.ramp())
	l = openLoop(12000, time.Second)
	require.Equal(t, 1, l.apart())
	require.Equal(t, 3600*time.Millisecond, l.ramp())
}

// TestSortOut counts what was sent between the warm-up and the end, and takes nothing for an open loop that was not.
func TestSortOut(t *testing.T) {
	t.Parallel()
	of := func(status func(second float64) int) (s seen) {
		for i := range 6000 { // 1,000 a second
			at := float64(i) / 1000
			start := time.Unix(100, 0).Add(time.Duration(i) * time.Millisecond)
			s.samples = append(s.samples, sample{start.Add(5 * time.Millisecond), 5 * time.Millisecond, status(at)})
		}
		s.started = len(s.samples)
		return s
	}
	every := of(func(at float64) int {
		if at >= 1.4 && at < 2.4 {
			return 503
		}
		return 200
	})
	got, err := sortOut(every, 1400*time.Millisecond, 4*time.Second, 1000)
	require.NoError(t, err)
	require.Len(t, got.accepted, 3000)
	require.Len(t, got.refused, 1000)
	require.Equal(t, 5*time.Millisecond, quantile(got.accepted, 0.99))

	_, err = sortOut(every, 1400*time.Millisecond, 4*time.Second, 1100)
	require.ErrorContains(t, err, "1000 rows a second were sent, 1100 wanted")
	every.broken = 1
	_, err = sortOut(every, 1400*time.Millisecond, 4*time.Second, 1000)
	require.ErrorContains(t, err, "1 had no answer")
	_, err = sortOut(of(func(float64) int { return 500 }), time.Second, time.Second, 1000)
	require.ErrorContains(t, err, "an answer was 500")
	_, err = sortOut(seen{}, time.Second, time.Second, 1000)
	require.ErrorContains(t, err, "no answer at all")
}

// TestChosen keeps the order that was asked for.
func TestChosen(t *testing.T) {
	t.Parallel()
	all := []model{{kind: tiny, name: "credit-risk"}, {kind: small, name: "mnist"}, {kind: large, name: "network"}}
	got, err := chosen(all, []string{"network", "credit-risk"})
	require.NoError(t, err)
	require.Equal(t, []model{all[2], all[0]}, got)
	_, ok := oneOf(got, small)
	require.False(t, ok)
	m, ok := oneOf(got, tiny)
	require.True(t, ok)
	require.Equal(t, "credit-risk", m.name)
	got, err = chosen(all, nil)
	require.NoError(t, err)
	require.Equal(t, all, got)
	_, err = chosen(all, []string{"mist"})
	require.EqualError(t, err, `model "mist" is not there`)
}

func FuzzLog(f *testing.F) {
	f.Add("1795429930130841\t200\t1173\n")
	f.Add("1\t503\t-1\n\n")
	f.Fuzz(func(t *testing.T, log string) {
		got, err := readLog(strings.NewReader(log))
		if err == nil && len(got) > strings.Count(log, "\n")+1 {
			t.Fatalf("%d answers of %q", len(got), log)
		}
	})
}

func FuzzTraffic(f *testing.F) {
	f.Add(report)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = readTraffic(text) // it must not panic
	})
}

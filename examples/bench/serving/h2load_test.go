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
	require.Equal(t, 3, got.failed)

	_, err = readTraffic("h2load: could not resolve")
	require.ErrorContains(t, err, "could not resolve")
	_, err = readTraffic("requests: many\ntraffic: much\n")
	require.ErrorContains(t, err, "requests: many")
}

// TestWhole lets nothing be missing but what was under way at the end: here of 8 clients.
func TestWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent    traffic
		answers int
		err     string
	}{
		"all":             {traffic{started: 100, done: 100}, 100, ""},
		"under way":       {traffic{started: 108, done: 100}, 100, ""},
		"lost":            {traffic{started: 109, done: 100}, 100, "109 requests were sent, 100 answered"},
		"failed":          {traffic{started: 100, done: 100, failed: 1}, 100, "1 of 100 requests failed"},
		"not in the log":  {traffic{started: 100, done: 100}, 99, "99 logged"},
		"no server there": {traffic{}, 0, "no answer at all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.sent.whole(c.answers, 8)
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
	sent := traffic{started: 108, done: 100, body: 5000}
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
	got, err := readLog(strings.NewReader("1795429930130841\t200\t1173\n1795429930131347\t200\t697\n"))
	require.NoError(t, err)
	require.Equal(t, []sample{
		{time.UnixMicro(1795429930132014), 1173 * time.Microsecond}, {time.UnixMicro(1795429930132044), 697 * time.Microsecond},
	}, got)
	require.Equal(t, time.UnixMicro(1795429930130841), got[0].start())

	_, err = readLog(strings.NewReader("1\t200\t1\n2\t503\t1\n3\t-1\t1\n4\t503\t1\n"))
	require.EqualError(t, err, "3 of 4 answers were not 200, but (status: how many) map[-1:1 503:2]")
	_, err = readLog(strings.NewReader("1\t200\n"))
	require.ErrorContains(t, err, "is no line of it")
	_, err = readLog(strings.NewReader("1\tOK\t5\n"))
	require.ErrorContains(t, err, `parsing "OK"`)
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

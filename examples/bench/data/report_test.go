package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func took(seconds ...float64) figure {
	var f figure
	for _, s := range seconds {
		f.add(sample{seconds: s, cpu: s, peak: 3 << 20}, nil)
	}
	return f
}

// TestVerdict says what is met, what is missed, and that what did not run is neither.
func TestVerdict(t *testing.T) {
	t.Parallel()
	killed, broken, scaled := took(), took(), took(2, 8, 3)
	killed.add(sample{seconds: 300}, errTimeout)
	broken.add(sample{}, errors.New("no\nroom | left"))
	scaled.scale = 10
	for name, c := range map[string]struct {
		line    line
		verdict string
		ratio   string
	}{
		"fast enough":      {line{ours: took(1), against: "peer", theirs: took(5), target: asFast(5)}, "met", "5.0 × as fast"},
		"too slow":         {line{ours: took(1), against: "peer", theirs: took(4), target: asFast(5)}, "missed", "4.0 × as fast"},
		"the median":       {line{ours: took(9, 1, 2), against: "peer", theirs: took(4), target: asFast(2)}, "met", "2.0 × as fast"},
		"scaled":           {line{ours: took(1), against: "peer", theirs: scaled, target: asFast(30)}, "met", "30.0 × as fast"},
		"peer was killed":  {line{ours: took(1), against: "peer", theirs: killed, target: asFast(5)}, "met", "over 300.0 × as fast"},
		"within the floor": {line{ours: took(3), against: "floor", theirs: took(2), target: asLong(1.5)}, "met", "1.50 × as long"},
		"over the floor":   {line{ours: took(4), against: "floor", theirs: took(2), target: asLong(1.5)}, "missed", "2.00 × as long"},
		"peer failed":      {line{ours: took(1), against: "peer", theirs: broken, target: asFast(5)}, "not compared", ""},
		"no target":        {line{ours: took(1), against: "floor", theirs: took(2)}, "", "0.50 × as long"},
		"alone":            {line{ours: took(1), target: alone("any", false)}, "missed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.verdict, c.line.verdict())
			require.Equal(t, c.ratio, ratio(c.line))
		})
	}
	require.Equal(t, "no room / left", text(broken, ""))
	require.Equal(t, int64(3<<20), scaled.peak())
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printTable(&out, "full", []line{{what: "add", ours: took(1), note: "2 MB/s", against: "peer", theirs: took(4), target: asFast(5)}})
	require.Contains(t, out.String(), "| add | 1.00 s, 2 MB/s | 1 | 1.0 s, 3 MiB | peer | 4.00 s | 1 | 4.0 s, 3 MiB | 4.0 × as fast | 5 × as fast | missed |\n")
	require.Contains(t, out.String(), "Targets missed: 1.")
}

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/artifacts"
)

// The bar shows things, bytes and the mean speed.
func TestByteBar(t *testing.T) {
	t.Parallel()
	var out locked
	clock := time.Unix(100, 0)
	refresh := make(chan any)
	tell, done := newByteBar("add", "file", func() time.Time { return clock }, mpb.WithOutput(&out), mpb.WithManualRefresh(refresh), mpb.WithWidth(100))
	shows := func(line string) {
		t.Helper()
		refresh <- nil
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "[") }, 10*time.Second, time.Millisecond)
		require.Contains(t, out.String(), line)
		out.reset()
	}
	clock = clock.Add(2 * time.Second)
	tell(artifacts.Progress{Files: 1, Bytes: 2_500_000, BytesTotal: 10_000_000})
	shows("add  1 file   [======>---------------------] 2.5 MB / 10.0 MB  1.2 MB/s")
	clock = clock.Add(2 * time.Second)
	tell(artifacts.Progress{Files: 3, Bytes: 12_000_000, BytesTotal: 10_000_000}) // a file grew meanwhile
	shows("add  3 files   [===========================>] 12.0 MB / 12.0 MB  3.0 MB/s")
	done()
	require.NotContains(t, out.String(), "NaN")
}

// terminal is a pseudo-terminal: what is written to the file is what the reader has.
func terminal(t *testing.T) (*os.File, *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}))
	screen, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return keyboard, screen
}

// The real command draws on a terminal, and not a byte elsewhere.
func TestDataAddDrawsOnATerminalOnly(t *testing.T) {
	t.Setenv("TERM", "xterm") // a dumb one is drawn on no more than a file
	l := &library{t: t, state: filepath.Join(t.TempDir(), "state"), dir: t.TempDir()}
	dir := l.write("in", map[string]string{"a": noise(1 << 20), "b": "b\n"})
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), l.command("add", dir, "--name", "first"), nil, &out, &errs))
	require.Empty(t, errs.String())
	require.NotContains(t, out.String(), "\r")

	keyboard, screen := terminal(t)
	drawn := make(chan string)
	go func() {
		b, _ := io.ReadAll(keyboard) // ends with an error when the last writer has closed
		drawn <- string(b)
	}()
	out.Reset()
	require.Zero(t, run(t.Context(), l.command("add", l.write("more", map[string]string{"c": noise(1<<20) + "c"}), "--name", "second"), nil, &out, screen))
	require.NoError(t, screen.Close())
	require.Contains(t, <-drawn, "add  1 file   [")
	require.Contains(t, out.String(), "added second@1")
}

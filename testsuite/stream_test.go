package testsuite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// streamed is a line that predict --stream writes.
type streamed struct {
	Line          int
	Keys          map[string]string
	Prediction    *int64
	Probabilities []float64
	Version       string
	Error         string
}

func streamedLines(t *testing.T, out string) (lines []streamed) {
	t.Helper()
	for text := range strings.Lines(out) {
		var s streamed
		require.NoError(t, json.Unmarshal([]byte(text), &s), text)
		lines = append(lines, s)
	}
	return lines
}

// TestPredictStream streams rows through a real gateway, to a model that was released for that.
func TestPredictStream(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", "")
	streaming := credit("1.0.0")
	streaming.Kind = "streaming"
	c.promote(streaming)
	_, rows := applicants(t, 1000, nil)
	predictions, probabilities := c.asked(rows)
	var input bytes.Buffer
	for i, row := range rows {
		row["id"] = fmt.Sprintf("A-%d", i)
		switch i {
		case 100:
			input.WriteString("{\"age\": \n") // 101: no JSON
		case 300:
			input.WriteString("\n\n42\n") // 304: no row
		}
		line, err := json.Marshal(row)
		require.NoError(t, err)
		input.Write(append(line, '\n'))
	}
	all := input.Bytes()
	bad := bytes.Replace(all, []byte(`"age":67`), []byte(`"age":"old"`), 1) // the first row
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	require.NoError(t, os.WriteFile(file, bytes.TrimSpace(bad), 0o600))

	out, errs, code := c.slipway("predict", "--stream", "--model", model, "--keys", "id", "--input", "@"+file, "--in-flight", "3", "--group", "50")
	require.Equal(t, 1, code, errs)
	require.Contains(t, errs, "3 of 1002 lines have no prediction")
	lines := streamedLines(t, out)
	require.Len(t, lines, 1002)
	failed := map[int]string{1: "age", 101: "not JSON", 304: "no row"}
	row := 0
	for i, l := range lines {
		if i > 0 {
			require.Greater(t, l.Line, lines[i-1].Line, "in the order of the lines")
		}
		if want, ok := failed[l.Line]; ok {
			require.Contains(t, l.Error, want)
			require.Nil(t, l.Prediction)
			if l.Line == 1 {
				require.Equal(t, "A-0", l.Keys["id"])
				row++
			}
			continue
		}
		require.Empty(t, l.Error)
		require.Equal(t, fmt.Sprintf("A-%d", row), l.Keys["id"])
		require.Equal(t, predictions[row], *l.Prediction)
		require.InDeltaSlice(t, probabilities[row], l.Probabilities, 1e-6)
		require.Equal(t, "1.0.0", l.Version)
		row++
	}
	require.Equal(t, 1000, row)

	// What can't be right for any line ends the stream.
	_, errs, code = c.slipway("predict", "--stream", "--model", "nobody", "--input", "@"+file)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no such model")
	c.streamsAsTheyCome(t, all[:bytes.IndexByte(all, '\n')])
	c.streamsThroughAnOutage(t, all[:bytes.IndexByte(all, '\n')+1])
}

// streamsAsTheyCome: a line is answered while the input goes on.
func (c *cluster) streamsAsTheyCome(t *testing.T, row []byte) {
	in, out, wait := c.stream(t)
	answers := bufio.NewReader(out)
	for n := 1; n <= 3; n++ {
		_, err := fmt.Fprintf(in, "%s\n", row)
		require.NoError(t, err)
		text, err := answers.ReadString('\n')
		require.NoError(t, err)
		l := streamedLines(t, text)[0]
		require.Equal(t, n, l.Line)
		require.NotNil(t, l.Prediction)
	}
	require.NoError(t, in.Close())
	require.NoError(t, wait())
}

// streamsThroughAnOutage: lines wait for a gateway that is away, in order, and a
// bounded number of them; what is sent meanwhile waits in the pipe.
func (c *cluster) streamsThroughAnOutage(t *testing.T, row []byte) {
	c.gateway.kill()
	in, out, wait := c.stream(t, "--in-flight", "2", "--group", "4", "--timeout", "2m")
	const lines = 2000
	written := make(chan int, lines)
	go func() {
		for n := range lines {
			if _, err := in.Write(row); err != nil {
				return
			}
			written <- n
		}
		_ = in.Close()
	}()
	// The writer gets stuck: what is read ahead is bounded.
	last := 0
	require.Eventually(t, func() bool {
		now := len(written)
		stuck := now > 0 && now == last
		last = now
		return stuck
	}, time.Minute, 500*time.Millisecond)
	require.Less(t, last, lines)
	c.gateway.start()
	_ = c.gateway.ready()
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, wait())
	got := streamedLines(t, string(text))
	require.Len(t, got, lines)
	for i, l := range got {
		require.Equal(t, i+1, l.Line)
		require.Empty(t, l.Error)
	}
}

// stream starts predict --stream on pipes.
func (c *cluster) stream(t *testing.T, args ...string) (io.WriteCloser, io.Reader, func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	cmd := exec.CommandContext(ctx, filepath.Join(need(t, "SLIPWAY_BIN"), "slipway"), append([]string{"predict", "--stream", "--model", model, "--gateway", c.predict}, args...)...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs lockedBuffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	return in, out, func() error {
		defer cancel()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, errs.String())
		}
		return nil
	}
}

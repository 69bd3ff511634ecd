package modelserver

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/sandbox"
	"github.com/slipway-ml/slipway/internal/serving"
)

const (
	creditRisk = "../../examples/credit-risk"
	patience   = 30 * time.Second
)

// TestMain makes the test binary the process of a model, a program that serves
// one, a gateway that is killed, and one that loads and unloads.
func TestMain(m *testing.M) {
	entries := Entries()
	entries[EntryONNX] = serveTrick
	sandbox.Serve(entries)
	others := map[string]func(args []string) error{"program": testProgram, "holder": hold, "program-holder": holdProgram, "cycler": cycle}
	if len(os.Args) > 2 && others[os.Args[1]] != nil {
		if err := others[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func logger(t testing.TB) *slog.Logger {
	var w io.Writer = io.Discard
	if testing.Verbose() {
		w = t.Output()
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func testdata(t testing.TB, name string) []byte {
	return read(t, filepath.Join("testdata", name+".onnx"))
}

func example(t testing.TB) []byte {
	return read(t, filepath.Join(creditRisk, "models", "1.0.0.onnx"))
}

// exampleRow is the first test row of the example.
func exampleRow() serving.Input {
	f, err := os.Open(filepath.Join(creditRisk, "data", "test.csv"))
	if err != nil {
		return serving.Input{}
	}
	defer f.Close()
	r := csv.NewReader(f)
	names, err := r.Read()
	if err != nil {
		return serving.Input{}
	}
	values, err := r.Read()
	if err != nil {
		return serving.Input{}
	}
	row := map[string]any{}
	for i, name := range names {
		if name == "risk" {
			continue
		}
		if v, err := strconv.ParseFloat(values[i], 64); err == nil {
			row[name] = v
		} else {
			row[name] = values[i]
		}
	}
	return serving.Input{Rows: []map[string]any{row}}
}

// cpuTime is the processor time of a process, in ticks; -1 if it is gone.
func cpuTime(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return -1
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return user + system
}

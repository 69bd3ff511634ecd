package modelserver

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// holdProgram is a gateway that is going to be killed: it loads a model into a
// program, says so, and waits.
func holdProgram(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := NewProgram(Config{Device: onnx.DeviceCPU}, Program{Name: "explorer", Command: []string{self, "program", args[0]}})
	if err != nil {
		return err
	}
	m, err := r.Load(context.Background(), []byte("weights"), named("held"))
	if err != nil {
		return err
	}
	if _, err := m.Infer(context.Background(), column(1)); err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

// A gateway that is killed leaves a folder, which the next one removes, and none
// of a gateway that runs.
func TestFolderOfAKilledGateway(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	start := func() *exec.Cmd {
		cmd := exec.Command(self, "program-holder", filepath.Join(dir, "secret"))
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", line)
		return cmd
	}
	kill := func(cmd *exec.Cmd) {
		require.NoError(t, cmd.Process.Kill()) // SIGKILL
		require.Error(t, cmd.Wait())
	}
	folders := func() (out []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), programFolder) {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
		return out
	}

	first := start()
	left := folders()
	require.Len(t, left, 1)
	second := start()
	defer kill(second)
	require.Len(t, folders(), 2)
	kill(first)
	require.FileExists(t, filepath.Join(left[0], fileModel))
	third := start()
	defer kill(third)
	require.NoDirExists(t, left[0])
	require.Len(t, folders(), 2, "those of the gateways that run")
	for _, folder := range folders() {
		require.FileExists(t, filepath.Join(folder, fileModel))
	}
}

package modelserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
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
	process, _ := m.(serving.Supervised).Process()
	fmt.Println("ready", process.PID)
	select {}
}

// A gateway that is killed leaves no program, but its folder, which the next one removes, and none
// of a gateway that runs.
func TestFolderOfAKilledGateway(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	start := func() (_ *exec.Cmd, program int) {
		cmd := exec.Command(self, "program-holder", filepath.Join(dir, "secret"))
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		_, err = fmt.Sscanf(line, "ready %d\n", &program)
		require.NoError(t, err)
		return cmd, program
	}
	kill := func(cmd *exec.Cmd, program int) {
		require.NoError(t, syscall.Kill(program, 0), "it runs")
		require.NoError(t, cmd.Process.Kill()) // SIGKILL
		require.Error(t, cmd.Wait())
		require.Eventually(t, func() bool { return errors.Is(syscall.Kill(program, 0), syscall.ESRCH) }, patience, time.Millisecond, "the program is gone")
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

	first, its := start()
	left := folders()
	require.Len(t, left, 1)
	second, other := start()
	defer kill(second, other)
	require.Len(t, folders(), 2)
	kill(first, its)
	require.FileExists(t, filepath.Join(left[0], fileModel))
	third, last := start()
	defer kill(third, last)
	require.NoDirExists(t, left[0])
	require.Len(t, folders(), 2, "those of the gateways that run")
	for _, folder := range folders() {
		require.FileExists(t, filepath.Join(folder, fileModel))
	}
}

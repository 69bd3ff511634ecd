package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/examples/bench/internal/process"
)

// errNotInstalled: the peer's environment is not there.
var errNotInstalled = errors.New("not installed")

// hold is how long the peers that batch hold a batch back for more rows.
const hold = 2 * time.Millisecond

// peer is another server, which runs from a Python environment of its own.
type peer struct {
	name string
	// environment is the folder of that, program the file in its bin that starts the server.
	environment, program string
	// protocol: it speaks the Open Inference Protocol, by REST and gRPC; otherwise it has POST /predict and GET /health.
	protocol bool
	// command is how the program is run.
	command func(context.Context, instance) (args, env []string, err error)
}

// instance is a start of a peer.
type instance struct {
	program string
	model   model
	ports   [3]int // of HTTP, gRPC and metrics, as far as the peer has them
	scripts string // folder of what the benchmark has each peer run
	state   string // folder that the instance may use
}

func others() []peer {
	return []peer{
		{name: "Flask", environment: "flask", program: "gunicorn", command: flask},
		{name: "MLServer", environment: "mlserver", program: "mlserver", protocol: true, command: mlserver},
		{name: "LitServe", environment: "litserve", program: "python", command: litserve},
		{name: "Triton (PyTriton)", environment: "pytriton", program: "python", protocol: true, command: pytriton},
	}
}

func (b *bench) installed(p peer) bool {
	_, err := os.Stat(filepath.Join(b.peers, p.environment, "installed"))
	return err == nil
}

// startPeer runs a peer until it is ready to serve the model.
func (b *bench) startPeer(ctx context.Context, p peer, m model) (*server, error) {
	if !b.installed(p) {
		return nil, errNotInstalled
	}
	ports, err := process.Ports(3)
	if err != nil {
		return nil, err
	}
	state, err := os.MkdirTemp(b.dir, p.environment+"-")
	if err != nil {
		return nil, err
	}
	i := instance{
		program: filepath.Join(b.peers, p.environment, "bin", p.program), model: m, ports: [3]int(ports),
		scripts: filepath.Join(b.source, "examples", "bench", "serving", "peers"), state: state,
	}
	s := &server{name: p.name, http: process.At(ports[0])}
	ready := "/health"
	if p.protocol {
		ready = "/v2/models/" + m.name + "/ready"
		err = s.byProtocol(process.At(ports[1]), m)
	} else {
		err = s.byPlain(m)
	}
	if err != nil {
		return nil, err
	}
	args, env, err := p.command(ctx, i)
	if err != nil {
		return nil, err
	}
	if s.Process, err = b.start(ctx, p.environment, env, args...); err != nil {
		return nil, err
	}
	if err := s.Await(ctx, "http://"+s.http+ready); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// flask runs under gunicorn in a process a core, each with threads so that connections stay open.
func flask(_ context.Context, i instance) (args, env []string, err error) {
	return []string{filepath.Join(i.scripts, "flask_server.sh"), i.program, process.At(i.ports[0]), strconv.Itoa(runtime.NumCPU())}, []string{"MODEL=" + i.model.file}, nil
}

// mlserver runs a custom runtime with adaptive batching.
func mlserver(_ context.Context, i instance) (args, env []string, err error) {
	for name, settings := range map[string]any{
		"settings.json": map[string]any{"host": "127.0.0.1", "http_port": i.ports[0], "grpc_port": i.ports[1], "metrics_port": i.ports[2], "debug": false, "parallel_workers": 0, "logging_settings": nil},
		"model-settings.json": map[string]any{
			"name": i.model.name, "implementation": "mlserver_runtime.OnnxModel", "parameters": map[string]any{"uri": i.model.file, "version": version},
			"max_batch_size": i.model.batch, "max_batch_time": hold.Seconds(),
		},
	} {
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(filepath.Join(i.state, name), text, 0o600); err != nil {
			return nil, nil, err
		}
	}
	return []string{i.program, "start", i.state}, []string{"PYTHONPATH=" + i.scripts}, nil
}

// litserve runs with its batching and a server process a core.
func litserve(_ context.Context, i instance) (args, env []string, err error) {
	return []string{
		i.program, filepath.Join(i.scripts, "litserve_server.py"), i.model.file, strconv.Itoa(i.ports[0]), strconv.Itoa(i.model.batch),
		strconv.FormatFloat(hold.Seconds(), 'g', -1, 64),
	}, nil, nil
}

// pytriton runs Triton with its dynamic batcher over a Python function.
func pytriton(ctx context.Context, i instance) (args, env []string, err error) {
	// Triton embeds a Python, which has to be the very one that made the environment.
	libraries, err := exec.CommandContext(ctx, i.program, "-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s for its libraries: %w", i.program, err)
	}
	return []string{
		i.program, filepath.Join(i.scripts, "pytriton_server.py"), i.model.file, i.model.name,
		strconv.Itoa(i.ports[0]), strconv.Itoa(i.ports[1]), strconv.Itoa(i.ports[2]), strconv.Itoa(i.model.batch), strconv.FormatInt(hold.Microseconds(), 10),
	}, []string{"LD_LIBRARY_PATH=" + strings.TrimSpace(string(libraries)) + ":" + os.Getenv("LD_LIBRARY_PATH")}, nil
}

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
)

// errNotInstalled: the peer's environment is not there.
var errNotInstalled = errors.New("not installed")

// hold is how long the peers that batch hold a batch back for more rows.
const hold = 2 * time.Millisecond

// peer is another server.
type peer struct {
	name  string
	start func(context.Context, model) (*server, error)
}

func (b *bench) others() []peer {
	return []peer{{"Flask", b.flask}, {"MLServer", b.mlserver}, {"LitServe", b.litserve}, {"Triton (PyTriton)", b.pytriton}}
}

// tool is a program of a peer's environment.
func (b *bench) tool(peer, name string) (string, error) {
	path := filepath.Join(b.peers, peer, "bin", name)
	if _, err := os.Stat(filepath.Join(b.peers, peer, "installed")); err != nil {
		return "", errNotInstalled
	}
	return path, nil
}

func (b *bench) script(name string) string {
	return filepath.Join(b.source, "examples", "bench", "serving", "peers", name)
}

// ready waits for a server that has started, and stops it if it does not come up.
func (p *process) ready(ctx context.Context, url string) error {
	p.drain(p.stdout)
	err := p.await(ctx, url)
	if err != nil {
		p.stop()
	}
	return err
}

// flask runs under gunicorn with a worker a core, each with threads so that connections stay open.
func (b *bench) flask(ctx context.Context, m model) (*server, error) {
	gunicorn, err := b.tool("flask", "gunicorn")
	if err != nil {
		return nil, err
	}
	free, err := ports(1)
	if err != nil {
		return nil, err
	}
	body, err := m.plainBody()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "flask", []string{"MODEL=" + m.file}, gunicorn, "--chdir", b.script(""), "--bind", at(free[0]),
		"--workers", strconv.Itoa(runtime.NumCPU()), "--worker-class", "gthread", "--threads", "8", "--log-level", "warning", "flask_server:app")
	if err != nil {
		return nil, err
	}
	return &server{process: p, name: "Flask", http: at(free[0]), rest: dialREST(at(free[0]), "/predict", body, readPlain)}, p.ready(ctx, "http://"+at(free[0])+"/health")
}

// mlserver runs a custom runtime with adaptive batching.
func (b *bench) mlserver(ctx context.Context, m model) (*server, error) {
	program, err := b.tool("mlserver", "mlserver")
	if err != nil {
		return nil, err
	}
	free, err := ports(3)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "mlserver-")
	if err != nil {
		return nil, err
	}
	for name, settings := range map[string]any{
		"settings.json": map[string]any{"host": "127.0.0.1", "http_port": free[0], "grpc_port": free[1], "metrics_port": free[2], "debug": false, "parallel_workers": 0, "logging_settings": nil},
		"model-settings.json": map[string]any{
			"name": m.name, "implementation": "mlserver_runtime.OnnxModel", "parameters": map[string]any{"uri": m.file, "version": version},
			"max_batch_size": m.batch, "max_batch_time": hold.Seconds(),
		},
	} {
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	body, err := m.protocolBody()
	if err != nil {
		return nil, err
	}
	s := &server{name: "MLServer", http: at(free[0]), rest: dialREST(at(free[0]), "/v2/models/"+m.name+"/infer", body, readProtocol)}
	if s.grpc, err = dialGRPC(at(free[1]), m); err != nil {
		return nil, err
	}
	s.process, err = b.start(ctx, "mlserver", []string{"PYTHONPATH=" + b.script("")}, program, "start", dir)
	if err != nil {
		return nil, err
	}
	err = s.ready(ctx, "http://"+at(free[0])+"/v2/models/"+m.name+"/ready")
	return s, err
}

// litserve runs with its batching and a server process a core.
func (b *bench) litserve(ctx context.Context, m model) (*server, error) {
	python, err := b.tool("litserve", "python")
	if err != nil {
		return nil, err
	}
	free, err := ports(1)
	if err != nil {
		return nil, err
	}
	body, err := m.plainBody()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "litserve", nil, python, b.script("litserve_server.py"), m.file, strconv.Itoa(free[0]), strconv.Itoa(m.batch), strconv.FormatFloat(hold.Seconds(), 'g', -1, 64))
	if err != nil {
		return nil, err
	}
	return &server{process: p, name: "LitServe", http: at(free[0]), rest: dialREST(at(free[0]), "/predict", body, readPlain)}, p.ready(ctx, "http://"+at(free[0])+"/health")
}

// pytriton runs Triton with its dynamic batcher over a Python function.
func (b *bench) pytriton(ctx context.Context, m model) (*server, error) {
	python, err := b.tool("pytriton", "python")
	if err != nil {
		return nil, err
	}
	free, err := ports(3)
	if err != nil {
		return nil, err
	}
	body, err := m.protocolBody()
	if err != nil {
		return nil, err
	}
	s := &server{name: "Triton (PyTriton)", http: at(free[0]), rest: dialREST(at(free[0]), "/v2/models/"+m.name+"/infer", body, readProtocol)}
	if s.grpc, err = dialGRPC(at(free[1]), m); err != nil {
		return nil, err
	}
	// Triton embeds a Python, which has to be the very one that made the environment.
	libraries, err := exec.CommandContext(ctx, python, "-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its libraries: %w", python, err)
	}
	s.process, err = b.start(ctx, "pytriton", []string{"LD_LIBRARY_PATH=" + strings.TrimSpace(string(libraries)) + ":" + os.Getenv("LD_LIBRARY_PATH")}, python, b.script("pytriton_server.py"), m.file, m.name,
		strconv.Itoa(free[0]), strconv.Itoa(free[1]), strconv.Itoa(free[2]), strconv.Itoa(m.batch), strconv.FormatInt(hold.Microseconds(), 10))
	if err != nil {
		return nil, err
	}
	err = s.ready(ctx, "http://"+at(free[0])+"/v2/models/"+m.name+"/ready")
	return s, err
}

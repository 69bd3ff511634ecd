package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/slipway-ml/slipway/examples/bench/internal/process"
	"github.com/slipway-ml/slipway/internal/stack"
)

// server is a tracking server that runs as users run it.
type server struct {
	*process.Process
	name string
	url  string
	fill func(context.Context, size) error
}

func (b *bench) startOurs(ctx context.Context, d database) (*server, error) {
	p, err := b.start(ctx, "slipwayd-"+d.name, b.slipwayd, "dev", "--ports", "auto", "-o", "json", "--log-level", "warn",
		"--state", filepath.Join(b.dir, "state-"+d.name), "--catalog", d.ours)
	if err != nil {
		return nil, err
	}
	line, err := p.Line()
	if err != nil {
		p.Stop()
		return nil, err
	}
	var addresses stack.Stack
	if err := json.Unmarshal(line, &addresses); err != nil {
		p.Stop()
		return nil, fmt.Errorf("read the addresses of slipwayd: %w", err)
	}
	return &server{Process: p, name: "slipwayd", url: addresses.Control, fill: d.fillOurs}, nil
}

func (b *bench) startTheirs(ctx context.Context, d database) (*server, error) {
	ports, err := process.Ports(1)
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "mlflow-"+d.name, b.python, "-m", "mlflow", "server", "--backend-store-uri", d.theirs,
		"--artifacts-destination", filepath.Join(b.dir, "mlflow-artifacts"), "--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]))
	if err != nil {
		return nil, err
	}
	url := "http://" + process.At(ports[0])
	if err := p.Await(ctx, url+"/health"); err != nil { // its schema is made step by step, which takes a while
		p.Stop()
		return nil, err
	}
	return &server{Process: p, name: "mlflow server", url: url, fill: d.fillTheirs}, nil
}

// start runs a server; what it writes to stderr is kept in a log of its name.
func (b *bench) start(ctx context.Context, name string, args ...string) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Args: args, Env: []string{"MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"}, Log: filepath.Join(b.dir, name+".log"),
	})
}

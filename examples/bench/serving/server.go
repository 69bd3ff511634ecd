package main

import (
	"context"

	"github.com/slipway-ml/slipway/examples/bench/internal/process"
)

// server is one that runs and how it is reached; a dial that is nil is a way that it does not have.
type server struct {
	*process.Process
	name       string
	rest, grpc dial
	// http is where the server listens, as host:port.
	http string
}

// start runs a server; what it writes to stderr is kept in a log of its name.
func (b *bench) start(ctx context.Context, name string, env []string, args ...string) (*process.Process, error) {
	return process.Start(ctx, process.Command{Args: args, Env: env, Dir: b.dir, Log: b.path(name + ".log")})
}

// dialProtocol reaches a model by the Open Inference Protocol, by gRPC at an address of its own, host:port.
func (s *server) dialProtocol(grpc string, m model) error {
	body, err := m.protocolBody()
	if err != nil {
		return err
	}
	s.rest = dialREST(s.http, "/v2/models/"+m.name+"/infer", body, readProtocol)
	s.grpc, err = dialGRPC(grpc, m)
	return err
}

// dialPlain reaches a server that has no protocol.
func (s *server) dialPlain(m model) error {
	body, err := m.plainBody()
	if err != nil {
		return err
	}
	s.rest = dialREST(s.http, "/predict", body, readPlain)
	return nil
}

package main

import (
	"context"

	"github.com/slipway-ml/slipway/examples/bench/internal/process"
)

// server is one that runs and how it is reached; nil is a way that it does not have.
type server struct {
	*process.Process
	name       string
	rest, grpc *endpoint
	// http is where the server listens, as host:port.
	http string
}

// start runs a server; what it writes to stderr is kept in a log of its name.
func (b *bench) start(ctx context.Context, name string, env []string, args ...string) (*process.Process, error) {
	return process.Start(ctx, process.Command{Args: args, Env: env, Dir: b.dir, Log: b.path(name + ".log")})
}

// byProtocol has a model asked by the Open Inference Protocol, by gRPC at an address of its own, host:port.
func (s *server) byProtocol(grpc string, m model) error {
	body, err := m.protocolBody()
	if err != nil {
		return err
	}
	s.rest = restEndpoint(s.http, "/v2/models/"+m.name+"/infer", body, readProtocol)
	s.grpc, err = grpcEndpoint(grpc, m)
	return err
}

// byPlain has a model asked of a server that has no protocol.
func (s *server) byPlain(m model) error {
	body, err := m.plainBody()
	if err != nil {
		return err
	}
	s.rest = restEndpoint(s.http, "/predict", body, readPlain)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/gateway"
	"github.com/slipway-ml/slipway/internal/scratch"
	"github.com/slipway-ml/slipway/internal/spec"
)

// modelServer is what `slipwayd model-server` is told beside the configuration of all commands.
type modelServer struct {
	file   string
	config spec.Model
}

func modelServerCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := defaults()
	cfg.GatewayHTTP, cfg.GatewayGRPC, cfg.Isolation = "127.0.0.1:8000", "127.0.0.1:8001", isolationNone
	m := modelServer{config: spec.Model{Deployment: spec.Deployment{BatchSize: 32}}}
	cmd := &cobra.Command{
		Use:   "model-server --model FILE",
		Short: "Serve one model by itself, without a catalog: for a container",
		Long: `Serves one ONNX model as a gateway does, with neither catalog, blob store nor
Temporal: the Open Inference Protocol over REST and gRPC, POST /predict,
GET /health and GET /metrics. Nothing that is predicted is recorded. Prints its
addresses once it listens; /health turns 200 when the model answers.`,
		Example: `  slipwayd model-server --model credit.onnx --name credit-risk --version 1.0.0
  slipwayd model-server --model credit.onnx --listen :8000 --grpc-listen :8001 --token-file /run/secrets/token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.file == "" {
				return usageError{errors.New("--model: name the file of the model")}
			}
			return m.run(cmd.Context(), cfg, stdout, newLog(stderr, cfg))
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.file, "model", "", "file of the model, ONNX")
	f.StringVar(&m.config.Name, "name", "model", "what clients call it")
	f.StringVar(&m.config.Version, "version", "1", "its version")
	f.StringVar((*string)(&m.config.Task), "task", string(spec.Classification), "what POST /predict makes of the outputs: classification or regression")
	f.IntVar(&m.config.Deployment.BatchSize, "batch-size", m.config.Deployment.BatchSize, "most rows in one inference; 1: requests are not put together")
	f.IntVar(&m.config.Deployment.ResponseCacheMB, "response-cache-mb", 0, "megabytes of answers that are kept, to be given again to requests with the same inputs; 0: none")
	f.StringVar(&cfg.GatewayHTTP, "listen", cfg.GatewayHTTP, "where it listens for HTTP")
	f.StringVar(&cfg.GatewayGRPC, "grpc-listen", cfg.GatewayGRPC, "where it listens for gRPC")
	f.StringVar(&cfg.TokenFile, "token-file", cfg.TokenFile, "file with the bearer token that callers must send; required beyond loopback (SLIPWAY_TOKEN_FILE)")
	f.StringVar(&cfg.OperatorFile, "operator-token-file", cfg.OperatorFile, "file with the bearer token that changing the settings of log and traces asks for (SLIPWAY_OPERATOR_TOKEN_FILE)")
	f.StringVar(&cfg.Device, "device", cfg.Device, "where the model runs: auto, cpu, cuda or cuda:N (SLIPWAY_DEVICE)")
	cfg.serverNameFlag(f)
	cfg.isolationFlags(f)
	f.TextVar(&cfg.LogLevel, "log-level", cfg.LogLevel, "debug, info, warn or error")
	return cmd
}

// run serves until ctx ends. What the gateway keeps lies in a folder that goes with it.
func (m *modelServer) run(ctx context.Context, cfg *config, stdout io.Writer, log *slog.Logger) (err error) {
	if m.config.Task != spec.Classification && m.config.Task != spec.Regression {
		return usageError{fmt.Errorf("--task %q: want classification or regression", m.config.Task)}
	}
	if m.config.Name == "" || m.config.Version == "" || m.config.Deployment.BatchSize < 1 || m.config.Deployment.ResponseCacheMB < 0 {
		return usageError{errors.New("--name and --version must not be empty, --batch-size is at least 1, --response-cache-mb at least 0")}
	}
	model, err := newOneModel(m.file, m.config)
	if err != nil {
		return err
	}
	const prefix = "slipway-model-server-"
	if _, err := scratch.Sweep("", prefix); err != nil { // it takes room, and nothing else
		log.Warn("folders of servers that were killed stay", "error", err)
	}
	state, err := scratch.New("", prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	cfg.State = state.Path()
	if err := cfg.settle([]string{roleGateway}); err != nil {
		return err
	}
	p := &platform{cfg: cfg, log: log}
	if p.token, err = cfg.token(); err != nil {
		return err
	}
	operator, err := cfg.operatorToken()
	if err != nil {
		return err
	}
	models, err := p.runtime()
	if err != nil {
		return err
	}
	l, err := cfg.listen([]string{roleGateway})
	if err != nil {
		return err
	}
	defer l.close()
	provider, sent, err := p.traces(ctx)
	if err != nil {
		return err
	}
	defer sent()
	g, err := gateway.New(gateway.Config{
		HTTP: l.gatewayHTTP, GRPC: l.gatewayGRPC, Catalog: model, Blobs: model, Runtime: models,
		StateDir: cfg.State, Token: p.token, OperatorToken: operator, Traces: provider, ServerName: cfg.ServerName, Version: version, Logger: log, LogLevels: cfg.logLevels,
	})
	if err != nil {
		return err
	}
	if err := sayAddresses(stdout, l.gatewayHTTP, l.gatewayGRPC); err != nil {
		return err
	}
	return g.Run(ctx)
}

// sayAddresses prints where the server listens, as one line of JSON.
func sayAddresses(stdout io.Writer, http, grpc net.Listener) error {
	return json.NewEncoder(stdout).Encode(map[string]string{"http": "http://" + http.Addr().String(), "grpc": grpc.Addr().String()})
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// echoCommand is the first argument with which this program is a server that reads a row and answers with bytes that it was given:
// what the protocol alone takes, by net/http and by grpc-go.
const echoCommand = "echo"

// echoAddresses are where it listens, each as host:port. It prints them as JSON.
type echoAddresses struct{ HTTP, GRPC string }

func runEcho(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet(echoCommand, flag.ContinueOnError)
	text := flags.String("json", "", "file of the answer over HTTP")
	raw := flags.String("message", "", "file of the answer by gRPC")
	every := flags.Int64("wrong", 0, "each so many answers one is an error; 0: none")
	if err := flags.Parse(args); err != nil {
		return err
	}
	body, err := os.ReadFile(*text)
	if err != nil {
		return err
	}
	message, err := os.ReadFile(*raw)
	if err != nil {
		return err
	}
	e := &echo{body: body, message: message, every: *every}
	var listeners [2]net.Listener
	for i := range listeners {
		if listeners[i], err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(out).Encode(echoAddresses{listeners[0].Addr().String(), listeners[1].Addr().String()}); err != nil {
		return err
	}
	rest, calls := &http.Server{Handler: e}, grpc.NewServer(grpc.ForceServerCodecV2(bytesCodec{})) //nolint:gosec // on loopback, and gone in a minute
	calls.RegisterService(&grpc.ServiceDesc{
		ServiceName: pb.GRPCInferenceService_ServiceDesc.ServiceName, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "ModelInfer", Handler: e.infer}},
	}, nil)
	failed := make(chan error, len(listeners))
	go func() { failed <- rest.Serve(listeners[0]) }()
	go func() { failed <- calls.Serve(listeners[1]) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	calls.Stop()
	return errors.Join(err, rest.Close())
}

// echo answers everything with the same bytes.
type echo struct {
	body, message []byte
	every         int64 // how many answers there is a wrong one each; 0: none
	answers       atomic.Int64
}

func (e *echo) wrong() bool { return e.every > 0 && e.answers.Add(1)%e.every == 0 }

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the client is this benchmark's
	if e.wrong() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(e.body)
}

func (e *echo) infer(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // the order is that of grpc.MethodDesc
	var request []byte
	if err := decode(&request); err != nil {
		return nil, err
	}
	if e.wrong() {
		return nil, status.Error(codes.Unavailable, "wrong on purpose")
	}
	return &e.message, nil
}

// bytesCodec takes and gives messages as they are on the wire.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// startEcho runs an echo of the right answer in a process of its own; each so many answers one is wrong, 0 being none.
func (b *bench) startEcho(ctx context.Context, m model, want answer, every int) (*server, error) {
	body, message, err := m.reply(want)
	if err != nil {
		return nil, err
	}
	text, raw := b.path("reply.json"), b.path("reply.message")
	if err := errors.Join(os.WriteFile(text, body, 0o600), os.WriteFile(raw, message, 0o600)); err != nil {
		return nil, err
	}
	p, err := b.start(ctx, echoCommand, nil, b.self, echoCommand, "-json", text, "-message", raw, "-wrong", fmt.Sprint(every))
	if err != nil {
		return nil, err
	}
	line, err := p.Line()
	var at echoAddresses
	if err == nil {
		err = json.Unmarshal(line, &at)
	}
	s := &server{Process: p, name: "an empty handler", http: at.HTTP}
	if err == nil {
		err = s.byProtocol(at.GRPC, m)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return s, nil
}

// spoiled is how many answers of an echo there is a wrong one each, for prove.
const spoiled = 500

// prove makes sure that a load with wrong answers among the right ones fails.
func (b *bench) prove(ctx context.Context, m model, want answer) error {
	s, err := b.startEcho(ctx, m, want, spoiled)
	if err != nil {
		return err
	}
	defer s.Stop()
	for way, sign := range map[string]string{"REST": "503", "gRPC": "not all of them were answers"} {
		switch _, err := b.load(ctx, ways(s)[way], want, load{clients: 4, length: b.size.window}); {
		case err == nil:
			return fmt.Errorf("one answer of %d by %s was an error, and the load did not find it", spoiled, way)
		case !strings.Contains(err.Error(), sign):
			return fmt.Errorf("one answer of %d by %s was an error; what the load found is another: %w", spoiled, way, err)
		}
	}
	return nil
}

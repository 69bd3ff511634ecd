package gateway

import (
	"context"
	"math"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/slipway-ml/slipway/internal/oip"
)

// grpcServer serves the Open Inference Protocol and grpc.health.v1, where the
// empty service is the gateway and every other is the model of that name.
type grpcServer struct {
	server   *grpc.Server
	arrivals *arrivals
	health   *grpchealth.Server
	known    map[string]bool
}

// streamWorkers is how many goroutines answer calls one after the other, and so keep
// the stacks that they needed; more calls at once get goroutines of their own.
const streamWorkers = 64

// What a stream and a connection may send before it has been read, in bytes. Windows that are stated also keep the server from
// measuring what the network would take by a ping beside each request, which the client then answers.
const (
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// A connection from which nothing has come for keepaliveTime is asked whether its peer is there, and closed if nothing
// comes for keepaliveTimeout. Clients may ask as much every clientKeepalive, with calls or without.
const (
	keepaliveTime    = time.Minute
	keepaliveTimeout = 20 * time.Second
	clientKeepalive  = 5 * time.Second
)

// maxStreams is how many calls a connection may have at once; a client keeps the others back.
const maxStreams = 2000

// maxHeaders is how many bytes the headers of a call may have.
const maxHeaders = 64 << 10

// handshakeTime is in which a new connection must have said that it speaks HTTP/2.
const handshakeTime = 10 * time.Second

// grpcConfig sets up a grpcServer.
type grpcConfig struct {
	backend  oip.Backend
	identity oip.Identity
	// maxMessage is how many bytes a message has at most. Messages count against held.
	maxMessage int64
	held       *budget
	keepalive  keepalive.ServerParameters // zero: as stated above
	// connections bounds the clients. Nil: as newConnections does.
	connections *connections
}

func newGRPC(cfg grpcConfig) *grpcServer {
	if cfg.keepalive == (keepalive.ServerParameters{}) {
		cfg.keepalive = keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}
	}
	size := int(min(cfg.maxMessage, math.MaxInt32))
	arrivals := newArrivals(cfg.held, func(method string, md metadata.MD) error { return oip.Authorize(cfg.backend, method, md) })
	if cfg.connections != nil {
		arrivals.connections = cfg.connections
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(size), grpc.MaxSendMsgSize(math.MaxInt32), grpc.NumStreamWorkers(streamWorkers),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connectionWindow), oip.Codec(),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeaders), grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(cfg.keepalive),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientKeepalive, PermitWithoutStream: true}),
		grpc.Creds(newCountingCredentials(arrivals)), grpc.InTapHandle(arrivals.begin))
	s := &grpcServer{server: server, arrivals: arrivals, health: grpchealth.NewServer(), known: map[string]bool{}}
	s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING) // until told otherwise
	services := registrar{server, arrivals}
	grpc_health_v1.RegisterHealthServer(services, s.health)
	oip.RegisterGRPC(services, cfg.backend, cfg.identity)
	return s
}

// update tells who asks what the gateway knows of itself.
func (s *grpcServer) update(h health) {
	status := func(ok bool) grpc_health_v1.HealthCheckResponse_ServingStatus {
		if ok {
			return grpc_health_v1.HealthCheckResponse_SERVING
		}
		return grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus("", status(h.Status == "ok"))
	for name, m := range h.Models {
		s.known[name] = true
		s.health.SetServingStatus(name, status(m.Healthy && (m.Stable != "" || len(m.Loaded) > 0)))
	}
	for name := range s.known {
		if _, ok := h.Models[name]; !ok {
			s.health.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN)
		}
	}
}

// stop tells watchers, waits for calls in flight and then cuts what remains:
// a watcher never leaves by itself.
func (s *grpcServer) stop(ctx context.Context) {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() { s.server.GracefulStop(); close(done) }()
	const goodbye = 100 * time.Millisecond // enough for watchers to hear of the shutdown
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(goodbye):
	}
	s.server.Stop()
	<-done
}

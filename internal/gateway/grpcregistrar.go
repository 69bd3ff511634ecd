package gateway

import (
	"context"
	"slices"

	"google.golang.org/grpc"
)

// registrar registers services whose handlers tell arrivals when they have read a message.
type registrar struct {
	server   *grpc.Server
	arrivals *arrivals
}

var _ grpc.ServiceRegistrar = registrar{}

// RegisterService implements grpc.ServiceRegistrar.
func (r registrar) RegisterService(d *grpc.ServiceDesc, impl any) {
	told := *d
	told.Methods, told.Streams = slices.Clone(d.Methods), slices.Clone(d.Streams)
	for i := range told.Methods {
		m := &told.Methods[i]
		m.Handler = toldCall(m.Handler)
		r.arrivals.streams["/"+d.ServiceName+"/"+m.MethodName] = false
	}
	for i := range told.Streams {
		s := &told.Streams[i]
		s.Handler = toldStream(s.Handler)
		r.arrivals.streams["/"+d.ServiceName+"/"+s.StreamName] = true
	}
	r.server.RegisterService(&told, impl)
}

// toldCall tells of the one message of a call.
func toldCall(next grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, read func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		a, ok := ctx.Value(arrivalKey{}).(*arrival)
		if !ok {
			return next(srv, ctx, read, interceptor)
		}
		if a.refused != nil {
			return nil, a.refused
		}
		a.attach(ctx)
		return next(srv, ctx, func(m any) error { return a.receive(read, m) }, interceptor)
	}
}

// toldStream tells of each message of a stream.
func toldStream(next grpc.StreamHandler) grpc.StreamHandler {
	return func(srv any, stream grpc.ServerStream) error {
		ctx := stream.Context()
		a, ok := ctx.Value(arrivalKey{}).(*arrival)
		if !ok {
			return next(srv, stream)
		}
		if a.refused != nil {
			return a.refused
		}
		a.attach(ctx)
		defer a.gone()
		return next(srv, &toldServerStream{ServerStream: stream, arrival: a})
	}
}

// toldServerStream is a stream that tells of its messages.
type toldServerStream struct {
	grpc.ServerStream
	arrival *arrival
	begun   bool // it has read a message
}

// RecvMsg implements grpc.ServerStream.
func (s *toldServerStream) RecvMsg(m any) error {
	if s.begun {
		s.arrival.awaits()
	}
	s.begun = true
	return s.arrival.receive(s.ServerStream.RecvMsg, m)
}

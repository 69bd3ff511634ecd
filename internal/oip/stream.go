package oip

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// streamInFlight is how many requests of a stream may be read and not answered. More wait at the
// client: what a stream holds is bounded, and one that sends without reading answers gets stuck by itself.
const streamInFlight = 32

// ModelStreamInfer answers a stream of requests, several at once, in their order: clients of
// models that give one answer a request may rely on it, as with Triton. A request that fails is answered with
// its error, and the stream goes on.
func (s *GRPC) ModelStreamInfer(stream grpc.BidiStreamingServer[pb.ModelInferRequest, pb.ModelStreamInferResponse]) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	room := make(chan struct{}, streamInFlight)                           // holds one for each request that is not answered
	order := make(chan chan *pb.ModelStreamInferResponse, streamInFlight) // their answers to be
	read := make(chan error, 1)
	go func() {
		read <- s.readRequests(ctx, stream, order, room)
		close(order)
	}()
	if err := writeAnswers(stream, order, room); err != nil {
		return err // it ends the stream, and thereby the reading and what is under way
	}
	return <-read
}

// readRequests begins an answer to each request until there are no more.
func (s *GRPC) readRequests(ctx context.Context, stream grpc.BidiStreamingServer[pb.ModelInferRequest, pb.ModelStreamInferResponse], order chan<- chan *pb.ModelStreamInferResponse, room chan<- struct{}) error {
	tasks := make(chan streamTask)
	defer close(tasks)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		r, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		t := streamTask{r, make(chan *pb.ModelStreamInferResponse, 1)}
		order <- t.answer
		select {
		case tasks <- t:
		default: // nobody waits for one
			go s.work(ctx, t, tasks)
		}
	}
}

// streamTask is a request of a stream and where its answer goes.
type streamTask struct {
	request *pb.ModelInferRequest
	answer  chan *pb.ModelStreamInferResponse
}

// work answers a request, and those that come when it has: so it keeps the stack that it needed.
func (s *GRPC) work(ctx context.Context, first streamTask, more <-chan streamTask) {
	first.answer <- s.streamed(ctx, first.request)
	for t := range more {
		t.answer <- s.streamed(ctx, t.request)
	}
}

// writeAnswers sends answers in their order.
func writeAnswers(stream grpc.BidiStreamingServer[pb.ModelInferRequest, pb.ModelStreamInferResponse], order <-chan chan *pb.ModelStreamInferResponse, room <-chan struct{}) error {
	for answer := range order {
		if err := stream.Send(<-answer); err != nil {
			return err
		}
		<-room
	}
	return nil
}

// streamed is the answer to one request of a stream.
func (s *GRPC) streamed(ctx context.Context, r *pb.ModelInferRequest) *pb.ModelStreamInferResponse {
	out, err := s.infer(ctx, r)
	if err != nil {
		return &pb.ModelStreamInferResponse{
			ErrorMessage: said(err), InferResponse: &pb.ModelInferResponse{ModelName: r.GetModelName(), ModelVersion: r.GetModelVersion(), Id: r.GetId()},
		}
	}
	return &pb.ModelStreamInferResponse{InferResponse: out}
}

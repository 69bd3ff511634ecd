package main

import (
	"context"
	"fmt"
	"time"
)

// endpoint is a way by which a server is asked for the answer to a row.
type endpoint struct {
	// url is where the row is posted.
	url string
	// grpc: the body is a call of gRPC; otherwise it is JSON over HTTP/1.1.
	grpc bool
	// body is all that is posted, for gRPC with the header of the message.
	body []byte
	// ask sends the row once by a client of Go, and tells how many bytes of a body an answer has.
	ask func(context.Context) (got answer, size int, err error)
}

// patience bounds one answer.
const patience = 30 * time.Second

// check makes sure that a server answers what ONNX Runtime says, and tells how many bytes of a body an answer has.
func (e *endpoint) check(ctx context.Context, want answer) (size int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, size, err := e.ask(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for one answer: %w", err)
	}
	return size, want.same(got)
}

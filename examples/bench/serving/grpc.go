package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// bytesCodec sends and receives messages as they are on the wire, so that the load costs little beside the server.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// remote sends the row by gRPC.
type remote struct {
	conn    *grpc.ClientConn
	request []byte
	last    []byte
}

// dialGRPC makes clients of the inference service, each with its connection.
func dialGRPC(address string, m model) (dial, error) {
	request, err := proto.Marshal(m.message())
	if err != nil {
		return nil, err
	}
	return func() (client, error) {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		return &remote{conn: conn, request: request}, nil
	}, nil
}

func (c *remote) call() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.conn.Invoke(ctx, "/inference.GRPCInferenceService/ModelInfer", &c.request, &c.last, grpc.ForceCodecV2(bytesCodec{}))
}

func (c *remote) ask() (answer, error) {
	if err := c.call(); err != nil {
		return nil, err
	}
	var r pb.ModelInferResponse
	if err := proto.Unmarshal(c.last, &r); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return readMessage(&r), nil
}

func (c *remote) close() error { return c.conn.Close() }

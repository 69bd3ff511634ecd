package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// frame puts the header of gRPC before a message: not compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
func frame(message []byte) []byte {
	out := make([]byte, frameHeader, frameHeader+len(message))
	binary.BigEndian.PutUint32(out[1:], uint32(len(message))) //nolint:gosec // a row
	return append(out, message...)
}

// frameHeader is how many bytes come before each message.
const frameHeader = 5

// grpcEndpoint calls ModelInfer of the inference service at address, host:port.
func grpcEndpoint(address string, m model) (*endpoint, error) {
	request := m.message()
	message, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	e := &endpoint{url: "http://" + address + pb.GRPCInferenceService_ModelInfer_FullMethodName, grpc: true, body: frame(message)}
	e.ask = func(ctx context.Context) (_ answer, _ int, err error) {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, 0, err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		response, err := pb.NewGRPCInferenceServiceClient(conn).ModelInfer(ctx, request)
		if err != nil {
			return nil, 0, fmt.Errorf("by gRPC: %w", err)
		}
		return readMessage(response), frameHeader + proto.Size(response), nil
	}
	return e, nil
}

package oip

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// Codec makes a server read the messages of inference requests with fewer allocations. It is protobuf as gRPC has it.
func Codec() grpc.ServerOption {
	return grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(grpcproto.Name)})
}

type codec struct{ encoding.CodecV2 }

// smallRequest is how many bytes a request has at most that is copied whole: of a larger one, each tensor is.
const smallRequest = 2 << 10

// Unmarshal reads a message. It keeps nothing of data, which gRPC uses again.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*pb.ModelInferRequest)
	if !ok || data.Len() > smallRequest {
		return c.CodecV2.Unmarshal(data, v)
	}
	return unmarshalRequest(data.Materialize(), m)
}

// unmarshalRequest reads a request, to which the bytes belong from then on.
func unmarshalRequest(b []byte, m *pb.ModelInferRequest) error {
	if new(requestReader).request(b, m) {
		return nil
	}
	return proto.Unmarshal(b, m)
}

package oip

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
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
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if data.Len() > smallRequest {
		whole := data.MaterializeToBuffer(mem.DefaultBufferPool()) // as the other does, which then takes it as it is
		defer whole.Free()
		if err := checkParts(whole.ReadOnlyData()); err != nil {
			return err
		}
		return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
	}
	return unmarshalRequest(data.Materialize(), m)
}

// maxParts is how many inputs, outputs, parameters and raw contents a request has at most, together. An empty one takes two bytes of
// a message, and a hundred times as many when it has been read.
const maxParts = 10_000

// checkParts refuses a message of more, before anything is made of it.
func checkParts(b []byte) error {
	for parts := 0; len(b) > 0; parts++ {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil // who reads it says what is wrong
		}
		if b = b[n:]; parts == maxParts {
			return Errorf(Invalid, "the request has more than %d inputs, outputs, parameters and raw contents", maxParts)
		}
	}
	return nil
}

// unmarshalRequest reads a request, to which the bytes belong from then on.
func unmarshalRequest(b []byte, m *pb.ModelInferRequest) error {
	if new(requestReader).request(b, m) {
		return nil
	}
	return proto.Unmarshal(b, m)
}

package oip

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Client asks a server of the protocol for one model over gRPC. Errors that the
// server answers with are Errors; others say that it could not be asked, and count
// as Unavailable. It is safe for concurrent use.
type Client struct {
	service        pb.GRPCInferenceServiceClient
	model, version string
}

// NewClient asks over the connection, which bounds the size of messages.
func NewClient(c grpc.ClientConnInterface, model, version string) *Client {
	return &Client{service: pb.NewGRPCInferenceServiceClient(c), model: model, version: version}
}

// Ready tells whether the server is ready, and the model too.
func (c *Client) Ready(ctx context.Context, o ...grpc.CallOption) (bool, error) {
	server, err := c.service.ServerReady(ctx, &pb.ServerReadyRequest{}, o...)
	if err != nil || !server.GetReady() {
		return false, fromStatus(ctx, err)
	}
	model, err := c.service.ModelReady(ctx, &pb.ModelReadyRequest{Name: c.model, Version: c.version}, o...)
	return model.GetReady(), fromStatus(ctx, err)
}

// Metadata describes the model. Shapes that the server leaves out are nil.
func (c *Client) Metadata(ctx context.Context) (Metadata, error) {
	m, err := c.service.ModelMetadata(ctx, &pb.ModelMetadataRequest{Name: c.model, Version: c.version})
	if err != nil {
		return Metadata{}, fromStatus(ctx, err)
	}
	out := Metadata{Name: m.GetName(), Versions: m.GetVersions(), Platform: m.GetPlatform()}
	if out.Inputs, err = infos(m.GetInputs()); err != nil {
		return out, fmt.Errorf("inputs of the model: %w", err)
	}
	if out.Outputs, err = infos(m.GetOutputs()); err != nil {
		return out, fmt.Errorf("outputs of the model: %w", err)
	}
	return out, nil
}

func infos(list []*pb.ModelMetadataResponse_TensorMetadata) ([]onnx.Info, error) {
	out := make([]onnx.Info, len(list))
	for i, t := range list {
		kind, err := elementType(t.GetDatatype())
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clip(t.GetName()), err)
		}
		out[i] = onnx.Info{Name: t.GetName(), Type: kind, Shape: t.GetShape()}
	}
	return out, nil
}

// Infer runs the model on tensors and returns all of its outputs.
func (c *Client) Infer(ctx context.Context, in []onnx.Tensor) ([]onnx.Tensor, error) {
	r := &pb.ModelInferRequest{
		ModelName: c.model, ModelVersion: c.version,
		Inputs: make([]*pb.ModelInferRequest_InferInputTensor, len(in)), RawInputContents: make([][]byte, len(in)),
	}
	for i, t := range in {
		r.Inputs[i] = &pb.ModelInferRequest_InferInputTensor{Name: t.Name, Datatype: datatype(t.Type), Shape: t.Shape}
		r.RawInputContents[i] = rawOf(t)
	}
	resp, err := c.service.ModelInfer(ctx, r)
	if err != nil {
		return nil, fromStatus(ctx, err)
	}
	return outputs(resp)
}

// outputs reads an answer, from a server that need not be trusted.
func outputs(r *pb.ModelInferResponse) ([]onnx.Tensor, error) {
	list, raw := r.GetOutputs(), r.GetRawOutputContents()
	if len(raw) != len(list) {
		return nil, Errorf(Internal, "the answer has %d outputs and %d raw contents", len(list), len(raw))
	}
	out := make([]onnx.Tensor, len(list))
	room := blocks{tensors: len(list)}
	for i, t := range list {
		kind, err := elementType(t.GetDatatype())
		if err != nil {
			return nil, answered(t, err)
		}
		n, err := count(t.GetShape())
		if err != nil {
			return nil, answered(t, err)
		}
		out[i] = onnx.Tensor{Name: t.GetName(), Type: kind, Shape: slices.Clone(t.GetShape())}
		if err := decodeRaw(&out[i], n, raw[i], &room); err != nil {
			return nil, answered(t, err)
		}
	}
	return out, nil
}

// answered keeps the words of an error about a tensor, whose fault is the server's.
func answered(t *pb.ModelInferResponse_InferOutputTensor, err error) error {
	return Errorf(Internal, "the answer's output %q is none: %s", clip(t.GetName()), err)
}

// fromStatus is the protocol's error of a call; nil stays nil.
func fromStatus(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	s := status.Convert(err)
	if over(ctx, s.Code()) {
		return context.DeadlineExceeded
	}
	return Errorf(codeOfStatus(s.Code()), "%s", s.Message())
}

// early is by how much the server's clock may say sooner than ours that a call's time is over.
const early = 10 * time.Millisecond

// over tells that a call ended because its time was over, which either side may notice first.
func over(ctx context.Context, c codes.Code) bool {
	d, ok := ctx.Deadline()
	return ok && time.Until(d) < early && (c == codes.Canceled || c == codes.DeadlineExceeded)
}

func codeOfStatus(c codes.Code) Code {
	for code := Internal; code <= Gone; code++ {
		if code.grpc() == c {
			return code
		}
	}
	return Internal
}

// CodeOf is an error's code; Internal for what is none of the protocol's.
func CodeOf(err error) Code { return codeOf(err) }

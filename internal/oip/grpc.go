package oip

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// GRPC serves the protocol over gRPC.
type GRPC struct {
	pb.UnimplementedGRPCInferenceServiceServer
	backend  Backend
	identity Identity
}

var _ pb.GRPCInferenceServiceServer = (*GRPC)(nil)

// NewGRPC serves b.
func NewGRPC(b Backend, id Identity) *GRPC { return &GRPC{backend: b, identity: id} }

// RegisterGRPC adds the service to a server, which bounds the size of messages.
func RegisterGRPC(s grpc.ServiceRegistrar, b Backend, id Identity) {
	pb.RegisterGRPCInferenceServiceServer(s, NewGRPC(b, id))
}

// statusOf turns an error into the protocol's.
func statusOf(err error) error { return status.Error(codeOf(err).grpc(), said(err)) }

// Authorize tells by a call's method and metadata why it must not go on; nil: it may. The methods of the service check the same: this
// is for a server that wants to know before it reads a message. Methods of other services, and those that tell health, need no token.
func Authorize(b Backend, method string, md metadata.MD) error {
	switch method {
	case pb.GRPCInferenceService_ServerLive_FullMethodName, pb.GRPCInferenceService_ServerReady_FullMethodName, pb.GRPCInferenceService_ModelReady_FullMethodName:
		return nil
	case pb.GRPCInferenceService_RepositoryModelLoad_FullMethodName, pb.GRPCInferenceService_RepositoryModelUnload_FullMethodName:
		if err := mayOperate(b, tokenOf(md)); err != nil {
			return statusOf(err)
		}
		return nil
	}
	if !strings.HasPrefix(method, "/"+pb.GRPCInferenceService_ServiceDesc.ServiceName+"/") || b.Authorized(tokenOf(md)) {
		return nil
	}
	return errToken
}

var errToken = status.Error(codes.Unauthenticated, "a bearer token is required: send the metadata authorization: Bearer <token>")

func (s *GRPC) authorize(ctx context.Context) error {
	if s.backend.Authorized(callerToken(ctx)) {
		return nil
	}
	return errToken
}

// tokenOf is the bearer token that a call brings.
func tokenOf(md metadata.MD) string {
	if values := md.Get("authorization"); len(values) > 0 {
		return bearer(values[0])
	}
	return ""
}

// callerToken is the bearer token of the call whose context it is.
func callerToken(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return tokenOf(md)
}

// ServerLive answers as long as the process does.
func (s *GRPC) ServerLive(context.Context, *pb.ServerLiveRequest) (*pb.ServerLiveResponse, error) {
	return &pb.ServerLiveResponse{Live: true}, nil
}

// ServerReady tells that the server can answer.
func (s *GRPC) ServerReady(context.Context, *pb.ServerReadyRequest) (*pb.ServerReadyResponse, error) {
	return &pb.ServerReadyResponse{Ready: s.backend.Ready()}, nil
}

// ModelReady tells that a model can answer. One that is not known is an error.
func (s *GRPC) ModelReady(_ context.Context, r *pb.ModelReadyRequest) (*pb.ModelReadyResponse, error) {
	m, err := s.backend.Metadata(r.GetName(), r.GetVersion())
	if err != nil && codeOf(err) != Unavailable {
		return nil, statusOf(err)
	}
	return &pb.ModelReadyResponse{Ready: err == nil && m.Unready == nil}, nil
}

// ServerMetadata tells what the server is and can.
func (s *GRPC) ServerMetadata(ctx context.Context, _ *pb.ServerMetadataRequest) (*pb.ServerMetadataResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	return &pb.ServerMetadataResponse{Name: s.identity.Name, Version: s.identity.Version, Extensions: extensionsOf(s.backend)}, nil
}

// ModelMetadata describes a model's tensors.
func (s *GRPC) ModelMetadata(ctx context.Context, r *pb.ModelMetadataRequest) (*pb.ModelMetadataResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	m, err := s.backend.Metadata(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, statusOf(err)
	}
	out := &pb.ModelMetadataResponse{Name: m.Name, Versions: m.Versions, Platform: m.Platform}
	for _, info := range m.Inputs {
		out.Inputs = append(out.Inputs, &pb.ModelMetadataResponse_TensorMetadata{Name: info.Name, Datatype: datatype(info.Type), Shape: info.Shape})
	}
	for _, info := range m.Outputs {
		out.Outputs = append(out.Outputs, &pb.ModelMetadataResponse_TensorMetadata{Name: info.Name, Datatype: datatype(info.Type), Shape: info.Shape})
	}
	return out, nil
}

// ModelInfer runs a model.
func (s *GRPC) ModelInfer(ctx context.Context, r *pb.ModelInferRequest) (*pb.ModelInferResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	out, err := s.infer(ctx, r)
	if err != nil {
		return nil, statusOf(err)
	}
	return out, nil
}

func (s *GRPC) infer(ctx context.Context, r *pb.ModelInferRequest) (*pb.ModelInferResponse, error) {
	req, err := fromProto(r)
	if err != nil {
		return nil, err
	}
	bound, cancel, err := bounded(ctx, "", req.Parameters)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := s.backend.Infer(bound, req)
	if err != nil {
		return nil, late(ctx, bound, err)
	}
	outs, err := choose(req, resp.Outputs, true)
	if err != nil {
		return nil, err
	}
	return toProto(req, resp, outs), nil
}

// ModelConfig tells what clients use of a model's configuration.
func (s *GRPC) ModelConfig(ctx context.Context, r *pb.ModelConfigRequest) (*pb.ModelConfigResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	m, err := configured(s.backend, r.GetName(), r.GetVersion())
	if err != nil {
		return nil, statusOf(err)
	}
	c := &pb.ModelConfig{Name: m.Name, Platform: m.Platform, Backend: backendOf(m.Platform), MaxBatchSize: int32(min(m.MaxBatch, 1<<20))} //nolint:gosec // bounded
	c.ResponseCache = &pb.ModelResponseCache{Enable: m.ResponseCache}
	if m.Steps != nil { // the ways to schedule exclude each other
		c.EnsembleScheduling = &pb.ModelEnsembling{}
		for _, s := range m.Steps {
			c.EnsembleScheduling.Step = append(c.EnsembleScheduling.Step, &pb.ModelEnsembling_Step{ModelName: s.Model, ModelVersion: s.Version, InputMap: s.Inputs, OutputMap: s.Outputs})
		}
	}
	if m.MaxBatch > 0 && m.Steps == nil {
		c.DynamicBatching = &pb.ModelDynamicBatching{PreferredBatchSize: m.Preferred, MaxQueueDelayMicroseconds: m.MaxDelayMicroseconds}
	}
	if m.Instances > 0 && m.Steps == nil {
		c.InstanceGroup = []*pb.ModelInstanceGroup{{
			Count: m.Instances, Kind: pb.ModelInstanceGroup_Kind(pb.ModelInstanceGroup_Kind_value[instanceKind(m.Device)]), RateLimiter: rateLimiter(m),
		}}
	}
	for _, info := range m.Inputs {
		c.Input = append(c.Input, &pb.ModelInput{Name: info.Name, DataType: dataType(info.Type), Dims: dims(m, info)})
	}
	for _, info := range m.Outputs {
		c.Output = append(c.Output, &pb.ModelOutput{Name: info.Name, DataType: dataType(info.Type), Dims: dims(m, info)})
	}
	return &pb.ModelConfigResponse{Config: c}, nil
}

// rateLimiter is what the model takes of resources; nil: it takes none.
func rateLimiter(m Metadata) *pb.ModelRateLimiter {
	if len(m.Resources) == 0 {
		return nil
	}
	out := &pb.ModelRateLimiter{Priority: uint32(m.Priority)} //nolint:gosec // at most spec.MaxPriority
	for _, r := range m.Resources {
		out.Resources = append(out.Resources, &pb.ModelRateLimiter_Resource{Name: r.Name, Global: r.Global, Count: uint32(r.Count)}) //nolint:gosec // at most spec.MaxCount
	}
	return out
}

// ModelStatistics tells what models have done.
func (s *GRPC) ModelStatistics(ctx context.Context, r *pb.ModelStatisticsRequest) (*pb.ModelStatisticsResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	all, err := s.backend.Statistics(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, statusOf(err)
	}
	out := &pb.ModelStatisticsResponse{}
	for _, m := range all {
		out.ModelStats = append(out.ModelStats, statisticsProto(m))
	}
	return out, nil
}

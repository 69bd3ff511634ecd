package oip

import (
	"context"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// RepositoryIndex lists the versions that the server knows.
func (s *GRPC) RepositoryIndex(ctx context.Context, r *pb.RepositoryIndexRequest) (*pb.RepositoryIndexResponse, error) {
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	if err := s.identity.repository(r.GetRepositoryName()); err != nil {
		return nil, statusOf(err)
	}
	out := &pb.RepositoryIndexResponse{}
	for _, e := range listed(s.backend.Index(ctx), r.GetReady()) {
		out.Models = append(out.Models, &pb.RepositoryIndexResponse_ModelIndex{Name: e.Name, Version: e.Version, State: e.State, Reason: e.Reason})
	}
	return out, nil
}

func (s *GRPC) mayOperate(ctx context.Context) error {
	return mayOperate(s.backend, callerToken(ctx))
}

// RepositoryModelLoad asks for a model to be served.
func (s *GRPC) RepositoryModelLoad(ctx context.Context, r *pb.RepositoryModelLoadRequest) (*pb.RepositoryModelLoadResponse, error) {
	if err := s.load(ctx, r); err != nil {
		return nil, statusOf(err)
	}
	return &pb.RepositoryModelLoadResponse{}, nil
}

func (s *GRPC) load(ctx context.Context, r *pb.RepositoryModelLoadRequest) error {
	if err := s.mayOperate(ctx); err != nil {
		return err
	}
	if err := s.identity.repository(r.GetRepositoryName()); err != nil {
		return err
	}
	in := LoadRequest{Model: r.GetModelName()}
	for name, p := range r.GetParameters() {
		var v any
		if c, ok := p.GetParameterChoice().(*pb.ModelRepositoryParameter_StringParam); ok {
			v = c.StringParam
		}
		if err := in.add(name, v); err != nil {
			return failedToLoad(in.Model, err)
		}
	}
	if err := s.backend.Load(ctx, in); err != nil {
		return failedToLoad(in.Model, err)
	}
	return nil
}

// RepositoryModelUnload asks for a model not to be served any more.
func (s *GRPC) RepositoryModelUnload(ctx context.Context, r *pb.RepositoryModelUnloadRequest) (*pb.RepositoryModelUnloadResponse, error) {
	if err := s.mayOperate(ctx); err != nil {
		return nil, statusOf(err)
	}
	if err := s.identity.repository(r.GetRepositoryName()); err != nil {
		return nil, statusOf(err)
	}
	if err := s.backend.Unload(ctx, r.GetModelName()); err != nil {
		return nil, statusOf(err)
	}
	return &pb.RepositoryModelUnloadResponse{}, nil
}

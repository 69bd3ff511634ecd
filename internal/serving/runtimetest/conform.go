package runtimetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// Case is a program with a model whose answers are known.
type Case struct {
	// Command starts the program.
	Command []string
	// Artifact is the model's file.
	Artifact string
	// Input are the model's inputs in its order, Output what it answers to them
	// in its order. The first dimension of each are rows; two or more.
	Input, Output []Tensor
	// Tolerance is how far floating-point answers may be off, relative to values
	// above 1; Alone is the same for a row that is asked for by itself, as
	// frameworks add up in another order then. Zero: twice Tolerance.
	Tolerance, Alone float64
}

// Conform holds a program with a model to the contract.
func Conform(t *testing.T, c Case) {
	t.Helper()
	require.GreaterOrEqual(t, c.Input[0].Shape[0], int64(2), "rows of the case")
	if c.Alone == 0 {
		c.Alone = 2 * c.Tolerance
	}
	p := start(t, c.Command, c.Artifact)
	t.Run("answers", func(t *testing.T) { answers(t, p, c) })
	t.Run("describes the model", func(t *testing.T) { describes(t, p, c) })
	t.Run("picks outputs", func(t *testing.T) { picks(t, p, c) })
	t.Run("knows one model", func(t *testing.T) { knowsOneModel(t, p, c) })
	t.Run("refuses what does not fit", func(t *testing.T) { refuses(t, p, c) })
	t.Run("keeps callers apart", func(t *testing.T) { keepsApart(t, p, c) })
	t.Run("lets callers go", func(t *testing.T) { letsGo(t, p, c) })
	t.Run("is healthy", func(t *testing.T) { healthy(t, p, c) })
	t.Run("ends when told", func(t *testing.T) { ends(t, p, c) })
}

// ConformStart holds the start of a program to the contract: with files that are no
// model, and without its environment, it ends by itself and says why.
func ConformStart(t *testing.T, command []string, artifact string) {
	t.Helper()
	t.Run("refuses a broken model", func(t *testing.T) { refusesBroken(t, command, artifact) })
	t.Run("needs its environment", func(t *testing.T) {
		p := launch(t, command, []string{"PATH=/usr/bin:/bin"})
		require.NotZero(t, p.wait(t))
		require.Contains(t, p.stderr.String(), "SLIPWAY_SOCKET")
	})
}

func answers(t *testing.T, p *program, c Case) {
	for range 3 { // frameworks compile in the first runs
		r, err := p.infer(t.Context(), c.Input)
		require.NoError(t, err)
		require.Equal(t, "a", r.GetId())
		require.Equal(t, modelName, r.GetModelName())
		requireClose(t, c.Output, answered(t, r), c.Tolerance)
	}
	for i := range c.Input[0].Shape[0] {
		r, err := p.infer(t.Context(), rows(c.Input, i))
		require.NoError(t, err)
		requireClose(t, rows(c.Output, i), answered(t, r), c.Alone)
	}
	backwards := slices.Clone(c.Input)
	slices.Reverse(backwards)
	r, err := p.infer(t.Context(), backwards)
	require.NoError(t, err)
	requireClose(t, c.Output, answered(t, r), c.Tolerance)
}

func describes(t *testing.T, p *program, c Case) {
	live, err := p.model.ServerLive(t.Context(), &pb.ServerLiveRequest{})
	require.NoError(t, err)
	require.True(t, live.GetLive())
	ready, err := p.model.ModelReady(t.Context(), &pb.ModelReadyRequest{Name: modelName, Version: modelVersion})
	require.NoError(t, err)
	require.True(t, ready.GetReady())
	m, err := p.model.ModelMetadata(t.Context(), &pb.ModelMetadataRequest{Name: modelName, Version: modelVersion})
	require.NoError(t, err)
	require.Equal(t, modelName, m.GetName())
	require.Equal(t, []string{modelVersion}, m.GetVersions())
	require.NotEmpty(t, m.GetPlatform())
	for _, side := range []struct {
		stated []*pb.ModelMetadataResponse_TensorMetadata
		real   []Tensor
	}{{m.GetInputs(), c.Input}, {m.GetOutputs(), c.Output}} {
		require.Len(t, side.stated, len(side.real))
		for i, stated := range side.stated {
			tensor := side.real[i]
			require.Equal(t, tensor.Name, stated.GetName())
			require.Equal(t, tensor.Datatype, stated.GetDatatype(), tensor.Name)
			if len(stated.GetShape()) == 0 {
				continue // the model states none
			}
			require.Len(t, stated.GetShape(), len(tensor.Shape), tensor.Name)
			for d, size := range stated.GetShape() {
				require.True(t, size == -1 || size == tensor.Shape[d], "%s: stated %v, real %v", tensor.Name, stated.GetShape(), tensor.Shape)
			}
		}
	}
}

func picks(t *testing.T, p *program, c Case) {
	for _, want := range c.Output {
		r := request(modelName, "", c.Input)
		r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: want.Name}}
		got, err := p.model.ModelInfer(t.Context(), r)
		require.NoError(t, err)
		requireClose(t, []Tensor{want}, answered(t, got), c.Tolerance)
	}
}

func knowsOneModel(t *testing.T, p *program, c Case) {
	for _, other := range [][2]string{{"other", modelVersion}, {modelName, "2"}} {
		_, err := p.model.ModelInfer(t.Context(), request(other[0], other[1], c.Input))
		require.Equal(t, codes.NotFound, status.Code(err), "%v: %v", other, err)
		_, err = p.model.ModelMetadata(t.Context(), &pb.ModelMetadataRequest{Name: other[0], Version: other[1]})
		require.Equal(t, codes.NotFound, status.Code(err), "%v: %v", other, err)
	}
}

// refuses sends what the caller is to blame for; the program answers so, and goes on.
func refuses(t *testing.T, p *program, c Case) {
	first := c.Input[0]
	change := func(how func(*pb.ModelInferRequest)) *pb.ModelInferRequest {
		r := request(modelName, modelVersion, c.Input)
		how(r)
		return r
	}
	for name, r := range map[string]*pb.ModelInferRequest{
		"nothing":          {ModelName: modelName},
		"an unknown input": change(func(r *pb.ModelInferRequest) { r.Inputs[0].Name = "unknown" }),
		"a missing input":  change(func(r *pb.ModelInferRequest) { r.Inputs, r.RawInputContents = r.Inputs[1:], r.RawInputContents[1:] }),
		"an input twice": change(func(r *pb.ModelInferRequest) {
			r.Inputs = append(r.Inputs, r.Inputs[0])
			r.RawInputContents = append(r.RawInputContents, first.Raw)
		}),
		"another datatype": change(func(r *pb.ModelInferRequest) { r.Inputs[0].Datatype = "INT8" }),
		"no datatype":      change(func(r *pb.ModelInferRequest) { r.Inputs[0].Datatype = "FP128" }),
		"too few bytes":    change(func(r *pb.ModelInferRequest) { r.RawInputContents[0] = first.Raw[:len(first.Raw)-1] }),
		"too many bytes": change(func(r *pb.ModelInferRequest) {
			r.RawInputContents[0] = append(slices.Clone(first.Raw), 0, 0, 0, 0, 0, 0, 0, 0)
		}),
		"too few contents": change(func(r *pb.ModelInferRequest) { r.RawInputContents = append(r.RawInputContents, first.Raw) }),
		"a negative size":  change(func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = append([]int64{-1}, first.Shape[1:]...) }),
		"a size too large": change(func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = append([]int64{1 << 62}, first.Shape[1:]...) }),
		"another rank":     change(func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = append(slices.Clone(first.Shape), 1, 1) }),
		"an unknown output": change(func(r *pb.ModelInferRequest) {
			r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "unknown"}}
		}),
	} {
		_, err := p.model.ModelInfer(t.Context(), r)
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%s: %v", name, err)
	}
	r, err := p.infer(t.Context(), c.Input)
	require.NoError(t, err)
	requireClose(t, c.Output, answered(t, r), c.Tolerance)
}

// keepsApart asks for different rows at once; everybody gets the answer to their own.
func keepsApart(t *testing.T, p *program, c Case) {
	const callers, calls = 16, 10
	got := make([]*pb.ModelInferResponse, callers*calls)
	errs := make([]error, callers*calls)
	var work sync.WaitGroup
	for caller := range callers {
		work.Go(func() {
			for call := range calls {
				at := caller*calls + call
				got[at], errs[at] = p.infer(t.Context(), rows(c.Input, int64(at)%c.Input[0].Shape[0]))
			}
		})
	}
	work.Wait()
	require.NoError(t, errors.Join(errs...))
	for at, r := range got {
		requireClose(t, rows(c.Output, int64(at)%c.Output[0].Shape[0]), answered(t, r), c.Alone)
	}
}

// letsGo ends calls in the middle; the next is answered.
func letsGo(t *testing.T, p *program, c Case) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := p.infer(ctx, c.Input)
			done <- err
		}()
		cancel()
		if err := <-done; err != nil {
			require.Equal(t, codes.Canceled, status.Code(err), "%v", err)
		}
	}
	r, err := p.infer(t.Context(), c.Input)
	require.NoError(t, err)
	requireClose(t, c.Output, answered(t, r), c.Tolerance)
}

func healthy(t *testing.T, p *program, _ Case) {
	r, err := p.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if status.Code(err) == codes.Unimplemented {
		return // the contract asks for ModelReady only
	}
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, r.GetStatus())
}

// ends tells the program to end: it exits with 0.
func ends(t *testing.T, p *program, c Case) {
	_, err := p.infer(t.Context(), c.Input)
	require.NoError(t, err)
	p.terminate(t)
	require.Zero(t, p.wait(t), "exit code after SIGTERM: %s", p.stderr.String())
	_, err = p.infer(t.Context(), c.Input)
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
}

func refusesBroken(t *testing.T, command []string, whole string) {
	b, err := os.ReadFile(whole)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"empty": nil, "text": []byte("this is no model\n"), "half": b[:len(b)/2]} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			artifact := filepath.Join(folder, "model")
			require.NoError(t, os.WriteFile(artifact, content, 0o600))
			p := launch(t, command, environment(filepath.Join(folder, "s"), artifact, folder))
			require.NotZero(t, p.wait(t))
			require.NotEmpty(t, p.stderr.String(), "the reason")
			require.NotContains(t, p.stderr.String(), "Traceback", "a broken file is no bug of the program")
		})
	}
}

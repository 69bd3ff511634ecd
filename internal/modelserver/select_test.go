package modelserver_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/spec"
)

// asked is a runtime that notes what it is asked for.
type asked struct{ versions []string }

func (a *asked) Load(_ context.Context, _ []byte, config spec.Model) (serving.Model, error) {
	a.versions = append(a.versions, config.Version)
	return nil, nil
}

func TestSelect(t *testing.T) {
	t.Parallel()
	onnx := &asked{}
	s, err := modelserver.Select(onnx, modelserver.Config{}, []modelserver.Program{{Name: "other", Command: []string{"/no/such/program"}}})
	require.NoError(t, err)
	archive := []byte("PK\x03\x04 an archive")
	for _, c := range []struct{ version, runtime, artifact string }{{"1", "", "x"}, {"2", "onnx", string(archive)}} {
		_, err := s.Load(t.Context(), []byte(c.artifact), spec.Model{Name: "m", Version: c.version, Runtime: c.runtime})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"1", "2"}, onnx.versions)
	_, err = s.Load(t.Context(), []byte("x"), spec.Model{Name: "m", Version: "3", Runtime: "other"})
	require.ErrorContains(t, err, "/no/such/program")
	_, err = s.Load(t.Context(), archive, spec.Model{Name: "m", Version: "4"})
	require.ErrorIs(t, err, serving.ErrNoRuntime)
	require.ErrorContains(t, err, `"torch", which m 4 needs, is none of ensemble, onnx, other`)

	for _, name := range []string{"onnx", "other"} {
		p := modelserver.Program{Name: name, Command: []string{"/bin/true"}}
		_, err = modelserver.Select(onnx, modelserver.Config{}, []modelserver.Program{p, p})
		require.ErrorContains(t, err, "twice", name)
	}
	_, err = modelserver.Select(onnx, modelserver.Config{}, []modelserver.Program{{Name: "ensemble", Command: []string{"/bin/true"}}})
	require.ErrorContains(t, err, "one of Slipway's own")
	_, err = s.Load(t.Context(), []byte("ensemble.json\x00 and nothing else"), spec.Model{Name: "m", Version: "5"})
	require.ErrorContains(t, err, "no packed ensemble")
	_, err = modelserver.Select(nil, modelserver.Config{}, nil)
	require.Error(t, err)
}

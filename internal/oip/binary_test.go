package oip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// Elements of no type have no size: a few bytes could say that there are any number of them.
func TestDecodeBinaryOfNoType(t *testing.T) {
	t.Parallel()
	for _, kind := range []onnx.Type{onnx.Unknown, "COMPLEX64"} {
		for _, shape := range [][]int64{nil, {0}, {1}, {1 << 40}} {
			_, err := oip.DecodeBinary("x", kind, shape, nil)
			require.ErrorContains(t, err, `input "x": `)
			require.Equal(t, oip.Invalid, oip.CodeOf(err), "%v %v", kind, shape)
		}
	}
}

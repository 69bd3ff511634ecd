package modelserver

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// judge says in the terms of package serving whose fault it is that a call failed.
func judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("run the model: %w", ctx.Err())
	}
	switch oip.CodeOf(err) {
	case oip.Invalid:
		return fmt.Errorf("%w: %w", serving.ErrInput, err)
	case oip.Unavailable:
		return fmt.Errorf("%w: %w", serving.ErrNotReady, err)
	case oip.Expired:
		return fmt.Errorf("run the model: %w: %w", context.DeadlineExceeded, err)
	}
	return fmt.Errorf("%w: %w", serving.ErrModel, err)
}

// promised checks that a process answers with the outputs that its metadata names.
// Shapes are not compared: exporters state them wrongly. The error wraps serving.ErrModel.
func promised(want []onnx.Info, out []onnx.Tensor) error {
	if len(out) != len(want) {
		return fmt.Errorf("%w: it answered with %d outputs, its metadata has %d", serving.ErrModel, len(out), len(want))
	}
	for i, w := range want {
		if out[i].Name != w.Name || out[i].Type != w.Type {
			return fmt.Errorf("%w: output %d is %s %s, its metadata says %s %s", serving.ErrModel, i, out[i].Name, out[i].Type, w.Name, w.Type)
		}
	}
	return nil
}

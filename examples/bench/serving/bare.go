package main

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// bare is a session with its tensors in place.
type bare struct {
	session         *ort.AdvancedSession
	inputs, outputs []ort.Value
	names           []string
}

// bare opens a session of the model for batches of so many equal rows; 0 threads are ONNX Runtime's default, one for each core.
func (b *bench) bare(m model, batch, threads int) (_ *bare, err error) {
	s := &bare{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var inputs []string
	for _, t := range m.row {
		v, err := repeat(t, batch)
		if err != nil {
			return nil, err
		}
		s.inputs, inputs = append(s.inputs, v), append(inputs, t.Name)
	}
	for _, o := range m.outputs {
		v, err := empty(o, batch)
		if err != nil {
			return nil, err
		}
		s.outputs, s.names = append(s.outputs, v), append(s.names, o.Name)
	}
	options, err := b.options(threads)
	if err != nil {
		return nil, err
	}
	s.session, err = ort.NewAdvancedSession(m.file, inputs, s.names, s.inputs, s.outputs, options)
	return s, errors.Join(err, options.Destroy())
}

// options leave everything at ONNX Runtime's defaults but the threads, where they are given, and the device.
func (b *bench) options(threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if threads > 0 {
		err = o.SetIntraOpNumThreads(threads)
	}
	if index, ok := strings.CutPrefix(b.device, "cuda"); ok && err == nil {
		var cuda *ort.CUDAProviderOptions
		if cuda, err = ort.NewCUDAProviderOptions(); err == nil {
			if index = strings.TrimPrefix(index, ":"); index != "" {
				err = cuda.Update(map[string]string{"device_id": index})
			}
			err = errors.Join(err, o.AppendExecutionProviderCUDA(cuda), cuda.Destroy())
		}
	}
	if err != nil {
		return nil, errors.Join(err, o.Destroy())
	}
	return o, nil
}

// repeat is a tensor of so many times the row.
func repeat(t onnx.Tensor, n int) (ort.Value, error) {
	shape := ort.NewShape(t.Shape...).Clone()
	shape[0] = int64(n)
	if t.Type == onnx.String {
		v, err := ort.NewStringTensor(shape)
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			all = append(all, t.Strings...)
		}
		if err := v.SetContents(all); err != nil {
			return nil, errors.Join(err, v.Destroy())
		}
		return v, nil
	}
	var all []float32
	for range n {
		all = append(all, t.Floats...)
	}
	return ort.NewTensor(shape, all)
}

// empty is a tensor for an output of so many rows.
func empty(o onnx.Info, n int) (ort.Value, error) {
	shape := ort.NewShape(o.Shape...).Clone()
	shape[0] = int64(n)
	switch o.Type {
	case onnx.Int64:
		return ort.NewEmptyTensor[int64](shape)
	case onnx.Float32:
		return ort.NewEmptyTensor[float32](shape)
	}
	return nil, fmt.Errorf("output %s: no room of that type is made here", o)
}

// answer is what the last Run said of the first row.
func (s *bare) answer() answer {
	out := answer{}
	for i, v := range s.outputs {
		var numbers []float64
		switch v := v.(type) {
		case *ort.Tensor[int64]:
			numbers = widen(v.GetData(), v.GetShape()[0])
		case *ort.Tensor[float32]:
			numbers = widen(v.GetData(), v.GetShape()[0])
		}
		out[s.names[i]] = numbers
	}
	return out
}

func widen[T int64 | float32](in []T, rows int64) []float64 {
	out := make([]float64, len(in)/int(rows))
	for i := range out {
		out[i] = float64(in[i])
	}
	return out
}

func (s *bare) close() (err error) {
	if s.session != nil {
		err = s.session.Destroy()
	}
	for _, v := range append(s.inputs, s.outputs...) {
		err = errors.Join(err, v.Destroy())
	}
	return err
}

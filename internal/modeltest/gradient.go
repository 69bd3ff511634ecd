package modeltest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/spec"
)

// Bounds of gradient_computation. Every derivative opens two moved copies of
// the model, so the work is bounded in copies and in bytes of copies.
const (
	maxGradientCopies = 800
	maxGradientBytes  = 2 << 30
	// A step is this share of the tensor's root mean square: far above the
	// rounding of float32, small enough to stay on one side of most kinks.
	gradientStep = 1e-2
	// A tensor that does not respond is moved once more, by this share.
	gradientLargeStep = 1e-1
	leastScale        = 1e-3 // for tensors of zeros
)

// gradients moves parameters and watches the loss (C1): central differences,
// for each tensor along one direction with seeded random signs, which takes all
// its numbers in, and for a sample of its numbers one by one. A layer is dead if
// nothing in it moves the loss at all. It explodes if a number in it is not
// finite or beyond the spec's limit, or if the loss changes by more than the
// spec's limit per relative change of a tensor. It runs on the CPU with one
// thread, where equal inputs give equal bits.
func (s *suite) gradients() Test {
	g := s.graph
	if len(g.Parameters) == 0 {
		return fail(nil, nil, "there are no parameters to differentiate by")
	}
	values := make([][]float64, len(g.Parameters))
	limits := s.in.Tests.Gradient
	limits.SetDefaults()
	for i, p := range g.Parameters {
		var err error
		if values[i], err = g.Values(p); err != nil && !errors.Is(err, onnx.ErrEncoding) {
			return fail(nil, nil, "%s", err)
		}
		for at, v := range values[i] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fail(nil, "finite", "layer %s: parameter %s is not finite: number %d is %v", p.Layer, p.Name, at, v)
			}
			if math.Abs(v) > limits.MaxWeight {
				return fail(number(v), limits.MaxWeight, "layer %s explodes: number %d of parameter %s is %.3g, the limit is %.3g; did the training diverge?", p.Layer, at, p.Name, v, limits.MaxWeight)
			}
		}
	}
	l, err := newLoss(s, min(limits.Rows, s.in.Test.Rows()))
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	base, err := l.of(s.in.Model)
	if err != nil {
		return fail(nil, nil, "%s", err)
	}
	if math.IsNaN(base) || math.IsInf(base, 0) {
		return fail(number(base), "finite", "the loss is not finite")
	}
	d := &differences{graph: g, loss: l, base: base, limits: limits, layers: map[string]bool{}}
	for _, i := range d.plan(len(s.in.Model)) {
		if values[i] == nil {
			continue // stored in a form that cannot be moved in place
		}
		if err := d.tensor(i, values[i]); err != nil {
			return fail(nil, "finite", "%s", err)
		}
	}
	return d.verdict(l.rows)
}

// differences collects how the loss responds.
type differences struct {
	graph   *onnx.Graph
	loss    *loss
	base    float64
	limits  spec.Gradient
	samples int // numbers to move per tensor

	layers  map[string]bool // sampled layer → responds
	tensors int
	moved   int64   // numbers moved one by one
	largest float64 // absolute derivative
	// sensitive is the parameter whose relative change the loss responds to most, and how much.
	sensitive   onnx.Parameter
	sensitivity float64
}

// plan chooses the tensors and how many of their numbers to move, so that the
// copies of the model stay within bounds.
func (d *differences) plan(modelBytes int) []int {
	tensors := len(d.graph.Parameters)
	copies := min(maxGradientCopies, max(2, maxGradientBytes/max(1, modelBytes)))
	d.samples = min(d.limits.Samples, max(0, copies/2/tensors-1))
	count := min(tensors, max(1, copies/(2+2*d.samples)))
	chosen := make([]int, count)
	for i := range chosen {
		chosen[i] = i * tensors / count // evenly over the depth of the model
	}
	return chosen
}

// tensor moves one parameter and notes whether its layer responds.
func (d *differences) tensor(i int, values []float64) error {
	p := d.graph.Parameters[i]
	d.tensors++
	scale := 0.0
	for _, v := range values {
		scale += v * v / float64(len(values))
	}
	scale = max(math.Sqrt(scale), leastScale)
	derivative, alive, err := d.along(p, gradientStep*scale, func(at int64) float64 { return sign(uint64(i), uint64(at)) })
	if err != nil {
		return err
	}
	if v := math.Abs(derivative) * scale; v > d.sensitivity {
		d.sensitive, d.sensitivity = p, v
	}
	samples := int64(min(d.samples, len(values)))
	for k := range samples {
		index := k * p.Count / samples
		d.moved++
		_, moved, err := d.along(p, gradientStep*scale, func(at int64) float64 {
			if at == index {
				return 1
			}
			return 0
		})
		if err != nil {
			return err
		}
		alive = alive || moved
	}
	if !alive {
		_, alive, err = d.along(p, gradientLargeStep*scale, func(at int64) float64 { return sign(uint64(i)+1, uint64(at)) })
		if err != nil {
			return err
		}
	}
	d.layers[p.Layer] = d.layers[p.Layer] || alive
	return nil
}

// along takes the central difference in one direction and tells whether the loss moved at all.
func (d *differences) along(p onnx.Parameter, step float64, direction func(int64) float64) (derivative float64, moved bool, err error) {
	var loss [2]float64
	for side, h := range [2]float64{step, -step} {
		model, err := d.graph.PerturbAll(p, func(at int64) float64 { return h * direction(at) })
		if err != nil {
			return 0, false, err
		}
		if loss[side], err = d.loss.of(model); err != nil {
			return 0, false, fmt.Errorf("layer %s: with parameter %s moved by %.2g: %w", p.Layer, p.Name, h, err)
		}
	}
	derivative = (loss[0] - loss[1]) / (2 * step)
	if math.IsNaN(derivative) || math.IsInf(derivative, 0) {
		return 0, false, fmt.Errorf("layer %s: the derivative by parameter %s is not finite", p.Layer, p.Name)
	}
	d.largest = max(d.largest, math.Abs(derivative))
	return derivative, loss[0] != d.base || loss[1] != d.base, nil
}

func (d *differences) verdict(rows int) Test {
	var dead []string
	for layer, alive := range d.layers {
		if !alive {
			dead = append(dead, layer)
		}
	}
	slices.Sort(dead)
	value := fmt.Sprintf("%d of %d layers respond", len(d.layers)-len(dead), len(d.layers))
	detail := fmt.Sprintf("loss %.4g on %d rows; %d of %d tensors moved as a whole and %d of their numbers (up to %d each) one by one; largest derivative %.3g, largest change of the loss per relative change of a tensor %.3g (parameter %s)",
		d.base, rows, d.tensors, len(d.graph.Parameters), d.moved, d.samples, d.largest, d.sensitivity, d.sensitive.Name)
	if len(d.layers) == 0 {
		return fail(value, nil, "no parameter could be moved: %s", onnx.ErrEncoding)
	}
	if len(dead) > 0 {
		t := fail(value, "every layer", "dead layers, whose parameters do not move the loss: %s", strings.Join(dead, ", "))
		t.Detail = detail
		return t
	}
	t := pass(value, "every layer", "%s", detail)
	if d.sensitivity > d.limits.MaxSensitivity {
		return t.failed("layer %s explodes: the loss changes by %.3g per relative change of parameter %s, the limit is %.3g; normalise the inputs or raise tests.gradient.max_sensitivity",
			d.sensitive.Layer, d.sensitivity, d.sensitive.Name, d.limits.MaxSensitivity)
	}
	return t
}

// sign is +1 or -1, the same in every run: a bit of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
func sign(seed, index uint64) float64 {
	z := seed*0x9e3779b97f4a7c15 + (index+1)*0xbf58476d1ce4e5b9
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	if (z^(z>>31))&1 == 0 {
		return 1
	}
	return -1
}

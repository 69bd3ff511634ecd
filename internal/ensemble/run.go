package ensemble

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
)

// runner runs one step. Its error names the step.
type runner func(ctx context.Context, step int, in []onnx.Tensor) ([]onnx.Tensor, error)

// done is the end of a step.
type done struct {
	step int
	out  []onnx.Tensor
	err  error
}

// run runs each step as soon as all that it takes is there, several at once. The
// first error ends the others; run returns when none is under way any more. The inputs
// are in the graph's order.
func (g *graph) run(ctx context.Context, in []onnx.Tensor, each runner) ([]onnx.Tensor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	made := make([][]onnx.Tensor, len(g.nodes))
	needs := make([]int, len(g.nodes))
	var ready []int
	for i, n := range g.nodes {
		if needs[i] = n.needs; n.needs == 0 {
			ready = append(ready, i)
		}
	}
	ended := make(chan done, len(g.nodes))
	var failed error
	for running := 0; ; {
		// The last to start has the caller's goroutine if there is nobody else to wait for.
		for len(ready) > 0 && failed == nil {
			step := ready[0]
			if err := ctx.Err(); err != nil {
				failed = fmt.Errorf("before step %s: %w", g.nodes[step].name, err)
				break
			}
			ready = ready[1:]
			given := g.gather(step, in, made)
			if running++; running == 1 && len(ready) == 0 {
				ended <- attempt(ctx, step, given, each)
				break
			}
			go func() { ended <- attempt(ctx, step, given, each) }()
		}
		if running == 0 {
			break
		}
		end := <-ended
		running--
		if end.err != nil {
			if failed == nil {
				failed = end.err
				cancel()
			}
			continue
		}
		made[end.step] = end.out
		for _, next := range g.nodes[end.step].next {
			if needs[next]--; needs[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	if failed != nil {
		return nil, failed
	}
	out := make([]onnx.Tensor, len(g.results))
	for i, at := range g.results {
		out[i] = made[at.step][at.index]
		out[i].Name = g.outputs[i].Name
	}
	return out, nil
}

// gather is what a step takes, by the names of its member. Values are shared, not copied.
func (g *graph) gather(step int, in []onnx.Tensor, made [][]onnx.Tensor) []onnx.Tensor {
	takes := g.nodes[step].takes
	out := make([]onnx.Tensor, len(takes))
	for i, t := range takes {
		if t.from.step < 0 {
			out[i] = in[t.from.index]
		} else {
			out[i] = made[t.from.step][t.from.index]
		}
		out[i].Name = t.name
	}
	return out
}

// attempt runs a step, whose panic is its failure alone.
func attempt(ctx context.Context, step int, in []onnx.Tensor, each runner) (end done) {
	end.step = step
	defer func() {
		if r := recover(); r != nil {
			end.err = fmt.Errorf("%w: %w", serving.ErrModel, &serving.PanicError{Value: r, Stack: debug.Stack()})
		}
	}()
	end.out, end.err = each(ctx, step, in)
	return end
}

// inOrder are tensors by the names of infos, in their order; the error wraps serving.ErrModel.
func inOrder(want []onnx.Info, out []onnx.Tensor) ([]onnx.Tensor, error) {
	same := func(i onnx.Info, t onnx.Tensor) bool { return i.Name == t.Name }
	if slices.EqualFunc(want, out, same) {
		return out, nil
	}
	arranged := make([]onnx.Tensor, len(want))
	for i, info := range want {
		at := slices.IndexFunc(out, func(t onnx.Tensor) bool { return same(info, t) })
		if at < 0 {
			return nil, fmt.Errorf("%w: its answer has no %s", serving.ErrModel, info.Name)
		}
		arranged[i] = out[at]
	}
	return arranged, nil
}

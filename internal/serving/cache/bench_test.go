package cache

import (
	"fmt"
	"testing"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// BenchmarkKey hashes rows of numbers, BenchmarkGet copies answers: what a hit is made of.
func BenchmarkKey(b *testing.B) {
	c := New(1e6, nil)
	for _, n := range []int{20, 784, 150528} {
		in := []onnx.Tensor{floats("x", []int64{1, int64(n)}, make([]float32, n)...)}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(4 * n))
			b.ReportAllocs()
			for b.Loop() {
				c.Key(in)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	c := New(1e8, nil)
	for _, n := range []int{2, 1000, 150528} {
		c.Put(key(n), NewAnswer([]onnx.Tensor{floats("y", []int64{1, int64(n)}, make([]float32, n)...)}))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(4 * n))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Get(key(n)); !ok {
					b.Fatal("it is gone")
				}
			}
		})
	}
}

package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// What goes through the pipes between parent and child: frames, each a length
// of 4 bytes (little-endian, as all numbers), a kind of 1 byte and a body.
//
//	tensors   count u16, then each: name u16+bytes, type u8, rank u8, dims i64…, payload u64+bytes
//	error     whose fault u8 (faults), text
//
// Payloads are row-major; every integer is an int64, a boolean a byte, a string u32+bytes.
const (
	frameTensors = 1
	frameError   = 2
)

// maxFrame bounds a frame, in bytes.
const maxFrame = 512 << 20

// errFrame says that what came through a pipe is no frame.
var errFrame = errors.New("not a frame of tensors")

// wireTypes are the element types by their code. The order never changes.
func wireTypes() []onnx.Type {
	return []onnx.Type{
		onnx.Float32, onnx.Float64, onnx.Int64, onnx.Int32, onnx.Int16, onnx.Int8,
		onnx.Uint64, onnx.Uint32, onnx.Uint16, onnx.Uint8, onnx.Bool, onnx.String,
	}
}

// appendTensors writes the body of a frame of tensors.
func appendTensors(b []byte, tensors []onnx.Tensor) ([]byte, error) {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(tensors))) //nolint:gosec // a model has far fewer
	for _, t := range tensors {
		code := slices.Index(wireTypes(), t.Type)
		if code < 0 {
			return b, fmt.Errorf("tensor %s has type %s, which is not carried", t.Name, t.Type)
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(t.Name))) //nolint:gosec // names are short
		b = append(b, t.Name...)
		b = append(b, byte(code), byte(len(t.Shape)))
		for _, d := range t.Shape {
			b = binary.LittleEndian.AppendUint64(b, uint64(d)) //nolint:gosec // read back as it was
		}
		at := len(b)
		b = appendElements(binary.LittleEndian.AppendUint64(b, 0), t)
		binary.LittleEndian.PutUint64(b[at:], uint64(len(b)-at-8)) //nolint:gosec // a length
	}
	return b, nil
}

func appendElements(b []byte, t onnx.Tensor) []byte {
	switch {
	case t.Type == onnx.Float32:
		for _, v := range t.Floats {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	case t.Type == onnx.Float64:
		for _, v := range t.Doubles {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	case t.Type == onnx.Bool:
		for _, v := range t.Bools {
			if v {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	case t.Type == onnx.String:
		for _, v := range t.Strings {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(v))) //nolint:gosec // a cell has at most 1 MiB
			b = append(b, v...)
		}
	default:
		for _, v := range t.Ints {
			b = binary.LittleEndian.AppendUint64(b, uint64(v)) //nolint:gosec // read back as it was
		}
	}
	return b
}

// readTensors reads the body of a frame of tensors. Nothing is allocated beyond what the body holds.
func readTensors(body []byte) ([]onnx.Tensor, error) {
	r := &frameReader{b: body}
	out := make([]onnx.Tensor, 0, 16)
	for n := int(r.uint16()); n > 0 && r.err == nil; n-- {
		out = append(out, r.tensor())
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes are left over", len(r.b))
	}
	return out, r.err
}

// frameReader takes a body apart; after an error it yields zeros.
type frameReader struct {
	b   []byte
	err error
}

func (r *frameReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errFrame, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *frameReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("it ends early")
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *frameReader) uint8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *frameReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *frameReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *frameReader) tensor() onnx.Tensor {
	t := onnx.Tensor{Name: string(r.take(uint64(r.uint16())))}
	types := wireTypes()
	code := int(r.uint8())
	if code >= len(types) {
		r.fail("element type %d is not known", code)
		return t
	}
	t.Type = types[code]
	elements := uint64(1)
	for rank := r.uint8(); rank > 0; rank-- {
		d := r.uint64()
		if d > maxFrame || elements*d > maxFrame {
			r.fail("tensor %q is too large", t.Name)
			return t
		}
		elements *= d
		t.Shape = append(t.Shape, int64(d)) //nolint:gosec // bounded
	}
	payload := r.take(r.uint64())
	if r.err == nil {
		r.elements(&t, int(elements), payload) //nolint:gosec // bounded
	}
	return t
}

// elements reads n elements, which the payload must hold exactly.
func (r *frameReader) elements(t *onnx.Tensor, n int, payload []byte) {
	size := map[onnx.Type]int{onnx.Float32: 4, onnx.Bool: 1, onnx.String: 0}
	each, ok := size[t.Type]
	if !ok {
		each = 8
	}
	if each > 0 && len(payload) != n*each || each == 0 && len(payload) < 4*n {
		r.fail("tensor %q of shape %v has %d bytes", t.Name, t.Shape, len(payload))
		return
	}
	switch {
	case t.Type == onnx.Float32:
		t.Floats = make([]float32, n)
		for i := range t.Floats {
			t.Floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(payload[4*i:]))
		}
	case t.Type == onnx.Float64:
		t.Doubles = make([]float64, n)
		for i := range t.Doubles {
			t.Doubles[i] = math.Float64frombits(binary.LittleEndian.Uint64(payload[8*i:]))
		}
	case t.Type == onnx.Bool:
		t.Bools = make([]bool, n)
		for i := range t.Bools {
			t.Bools[i] = payload[i] != 0
		}
	case t.Type == onnx.String:
		t.Strings = r.strings(n, payload)
	default:
		t.Ints = make([]int64, n)
		for i := range t.Ints {
			t.Ints[i] = int64(binary.LittleEndian.Uint64(payload[8*i:])) //nolint:gosec // as it was written
		}
	}
}

// strings cuts n strings out of one copy of the payload.
func (r *frameReader) strings(n int, payload []byte) []string {
	all, out := string(payload), make([]string, n)
	at := 0
	for i := range out {
		if len(all)-at < 4 {
			r.fail("a string is cut off")
			return nil
		}
		size := int(binary.LittleEndian.Uint32(payload[at:]))
		if at += 4; size > len(all)-at {
			r.fail("a string is cut off")
			return nil
		}
		out[i] = all[at : at+size]
		at += size
	}
	if at != len(all) {
		r.fail("%d bytes of strings are left over", len(all)-at)
	}
	return out
}

// pipe writes and reads frames; its memory is used again. One goroutine at a time uses it.
type pipe struct {
	r   io.Reader
	w   io.Writer
	out []byte
	in  []byte
}

// send writes one frame.
func (p *pipe) send(kind byte, body func([]byte) ([]byte, error)) error {
	b, err := body(append(p.out[:0], 0, 0, 0, 0, kind))
	if err != nil {
		return err
	}
	p.out = b
	if len(b)-4 > maxFrame {
		return fmt.Errorf("a batch of %d bytes is larger than the %d that are carried: ask the model fewer rows at once", len(b), maxFrame)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4)) //nolint:gosec // bounded
	_, err = p.w.Write(b)
	return err
}

// receive reads one frame, whose body holds until the next one. What a length
// announces is allocated only as it arrives.
func (p *pipe) receive() (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n < 1 || n > maxFrame {
		return 0, nil, fmt.Errorf("%w: it announces %d bytes", errFrame, n)
	}
	const step = 1 << 20
	p.in = p.in[:0]
	for left := n - 1; left > 0; {
		some := min(left, max(step, cap(p.in)-len(p.in)))
		p.in = slices.Grow(p.in, some)
		part := p.in[len(p.in) : len(p.in)+some]
		if _, err := io.ReadFull(p.r, part); err != nil {
			return 0, nil, err
		}
		p.in = p.in[:len(p.in)+some]
		left -= some
	}
	return head[4], p.in, nil
}

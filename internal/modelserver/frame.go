package modelserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/onnx"
)

// A frame of the pipe between the gateway and a process of our own: its length, the
// call that it belongs to, what it is, and a body. Both sides are this very program on this
// very machine, so there are no versions; all numbers are little-endian.
type frame struct {
	call uint64
	kind frameKind
	body []byte
}

type frameKind byte

// Kinds of frames. The gateway sends those that ask, the process the outputs and errors.
const (
	frameInfer      frameKind = iota + 1 // body: the tensors of the inputs
	frameCancel                          // nobody waits for the call any more
	frameOutputs                         // body: the tensors of the outputs
	frameError                           // body: a byte with the oip.Code, and a text
	frameInferAlone                      // as frameInfer, of one row and beside no other: the gateway's too, and likely one of several in a row
)

// frameNarrow is the bit of a kind that asks: on one thread.
const frameNarrow frameKind = 0x80

// asks tells whether a frame of this kind wants an inference.
func (k frameKind) asks() bool {
	k &^= frameNarrow
	return k == frameInfer || k == frameInferAlone
}

// frameHeader is the size of the length, the call and the kind.
const frameHeader = 4 + 8 + 1

var errFrame = errors.New("what came over the pipe is no frame")

// startFrame appends a header, less the length, to an empty buffer; the body goes behind it.
func startFrame(b []byte, call uint64, kind frameKind) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, call)
	return append(b, byte(kind))
}

// sealFrame writes the length into the header, once the body is complete.
func sealFrame(b []byte) ([]byte, error) {
	if len(b)-frameHeader > maxMessage {
		return nil, oip.Errorf(oip.TooLarge, "%d bytes are more than a model's process is given at once", len(b)-frameHeader)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameHeader)) //nolint:gosec // bounded
	return b, nil
}

// frameReader reads frames. After an error by which nothing was lost, a deadline, it
// goes on where it stopped.
type frameReader struct {
	from   *bufio.Reader
	header [frameHeader]byte
	have   int // bytes of the header
	body   []byte
	filled int // bytes of the body
}

func newFrameReader(from io.Reader) frameReader {
	return frameReader{from: bufio.NewReaderSize(from, 16<<10)} // most frames come in one piece
}

// next reads the next frame, whose body belongs to the caller. What its length announces is allocated as it comes.
func (r *frameReader) next() (frame, error) {
	const step = 1 << 20
	for r.have < frameHeader {
		n, err := r.from.Read(r.header[r.have:])
		if r.have += n; err != nil && r.have < frameHeader {
			return frame{}, err
		}
	}
	f := frame{call: binary.LittleEndian.Uint64(r.header[4:]), kind: frameKind(r.header[12])}
	size := int(binary.LittleEndian.Uint32(r.header[:]))
	if size > maxMessage {
		return f, fmt.Errorf("%w: it announces %d bytes", errFrame, size)
	}
	for r.filled < size {
		if r.filled == len(r.body) {
			r.body = append(r.body, make([]byte, min(step, size-r.filled))...)
		}
		n, err := r.from.Read(r.body[r.filled:])
		if r.filled += n; err != nil && r.filled < size {
			return f, err
		}
	}
	f.body, r.body, r.have, r.filled = r.body, nil, 0, 0
	return f, nil
}

// appendTensors writes tensors without their names: both sides know what the model has.
func appendTensors(b []byte, list []onnx.Tensor) ([]byte, error) {
	le := binary.LittleEndian
	for i := range list {
		t := &list[i]
		size := oip.BinarySize(*t)
		if len(t.Shape) > 255 || size > maxMessage {
			return nil, oip.Errorf(oip.TooLarge, "tensor %s of shape %v is more than a model's process is given at once", t.Name, t.Shape)
		}
		b = append(b, typeCode(t.Type), byte(len(t.Shape)))
		for _, d := range t.Shape {
			b = le.AppendUint64(b, uint64(d)) //nolint:gosec // read back as it was
		}
		b = le.AppendUint32(b, uint32(size)) //nolint:gosec // bounded
		b = oip.AppendBinary(b, *t)
	}
	return b, nil
}

// readTensors reads as many tensors as there are infos, and names them so.
func readTensors(b []byte, infos []onnx.Info) ([]onnx.Tensor, error) {
	le := binary.LittleEndian
	out := make([]onnx.Tensor, len(infos))
	sizes := make([]int64, 0, 2*len(infos)) // room for the shapes of most models
	for i := range infos {
		info := &infos[i]
		if len(b) < 2 {
			return nil, fmt.Errorf("%w: it ends before tensor %d of %d", errFrame, i, len(infos))
		}
		kind, rank := typeOf(b[0]), int(b[1])
		b = b[2:]
		if len(b) < 8*rank+4 {
			return nil, fmt.Errorf("%w: it ends in the shape of %s", errFrame, info.Name)
		}
		start := len(sizes)
		for j := range rank {
			sizes = append(sizes, int64(le.Uint64(b[8*j:]))) //nolint:gosec // written from a signed number, and checked
		}
		shape := sizes[start:len(sizes):len(sizes)]
		b = b[8*rank:]
		size := int(le.Uint32(b))
		b = b[4:]
		if size > len(b) {
			return nil, fmt.Errorf("%w: %s announces %d bytes, %d are left", errFrame, info.Name, size, len(b))
		}
		var err error
		if out[i], err = oip.DecodeBinary(info.Name, kind, shape, b[:size]); err != nil {
			return nil, fmt.Errorf("%w: %w", errFrame, err)
		}
		b = b[size:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: %d bytes follow the last tensor", errFrame, len(b))
	}
	return out, nil
}

// wireTypes are the element types by their code. Both ends are the same program, so their order may change.
func wireTypes() [14]onnx.Type {
	return [...]onnx.Type{
		onnx.Float32, onnx.Float64, onnx.Float16, onnx.BFloat16, onnx.Int64, onnx.Int32, onnx.Int16, onnx.Int8,
		onnx.Uint64, onnx.Uint32, onnx.Uint16, onnx.Uint8, onnx.Bool, onnx.String,
	}
}

func typeCode(t onnx.Type) byte {
	for i, k := range wireTypes() {
		if k == t {
			return byte(i)
		}
	}
	return 255
}

func typeOf(code byte) onnx.Type {
	if list := wireTypes(); int(code) < len(list) {
		return list[code]
	}
	return onnx.Unknown
}

package oip

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// requestReader reads small inference requests from their wire form as proto.Unmarshal does, but takes texts as they
// lie and the rest from arrays that the inputs share: of twenty inputs, proto.Unmarshal makes a hundred and forty
// allocations. What is rare in a request it leaves to proto.Unmarshal.
type requestReader struct {
	left     int // inputs that are still to come
	tensors  []pb.ModelInferRequest_InferInputTensor
	contents []pb.InferTensorContents
	sizes    []int64
	singles  []float32
	texts    [][]byte
}

// Numbers of fields that are read here, as in the protocol's file.
const (
	fieldModel, fieldVersion, fieldID, fieldInputs, fieldRaw = 1, 2, 3, 5, 7 // ModelInferRequest
	fieldName, fieldDatatype, fieldShape, fieldContents      = 1, 2, 3, 5    // ModelInferRequest.InferInputTensor
	fieldIntegers, fieldSingles, fieldTexts                  = 3, 6, 8       // InferTensorContents, of int64, float and bytes
)

// fields calls visit for each field of a message. What visit does not know is left to proto.Unmarshal; false is a
// message that is broken or unusual: one with a field that is neither text, bytes, a packed list nor a message.
func fields(b []byte, m proto.Message, visit func(number protowire.Number, value []byte) (known, ok bool)) bool {
	var others []byte
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			return false
		}
		value, size := protowire.ConsumeBytes(b[n:])
		if size < 0 {
			return false
		}
		field := b[:n+size]
		b = b[n+size:]
		known, ok := visit(number, value[:len(value):len(value)])
		switch {
		case !ok:
			return false
		case !known:
			others = append(others, field...)
		}
	}
	return len(others) == 0 || proto.UnmarshalOptions{Merge: true}.Unmarshal(others, m) == nil
}

// request reads a request that is empty so far; false leaves it to proto.Unmarshal. The bytes belong to it from then on.
func (d *requestReader) request(b []byte, m *pb.ModelInferRequest) bool {
	raw := 0
	if !fields(b, m, func(number protowire.Number, _ []byte) (bool, bool) {
		switch number {
		case fieldInputs:
			d.left++
		case fieldRaw:
			raw++
		}
		return true, true
	}) {
		return false
	}
	if d.left > 0 {
		m.Inputs = make([]*pb.ModelInferRequest_InferInputTensor, 0, d.left)
	}
	if raw > 0 {
		m.RawInputContents = make([][]byte, 0, raw)
	}
	return fields(b, m, func(number protowire.Number, value []byte) (known, ok bool) {
		switch number {
		case fieldModel:
			return true, text(&m.ModelName, value)
		case fieldVersion:
			return true, text(&m.ModelVersion, value)
		case fieldID:
			return true, text(&m.Id, value)
		case fieldRaw:
			m.RawInputContents = append(m.RawInputContents, value)
			return true, true
		case fieldInputs:
			t := &part(&d.tensors, 1, d.left)[0]
			m.Inputs = append(m.Inputs, t)
			ok = d.input(value, t)
			d.left--
			return true, ok
		}
		return false, true
	})
}

func (d *requestReader) input(b []byte, t *pb.ModelInferRequest_InferInputTensor) bool {
	return fields(b, t, func(number protowire.Number, value []byte) (known, ok bool) {
		switch number {
		case fieldName:
			return true, text(&t.Name, value)
		case fieldDatatype:
			return true, text(&t.Datatype, value)
		case fieldShape:
			return true, t.Shape == nil && d.integers(&t.Shape, value)
		case fieldContents:
			if t.Contents != nil { // to be put together
				return true, false
			}
			t.Contents = &part(&d.contents, 1, d.left)[0]
			return true, d.values(value, t.Contents)
		}
		return false, true
	})
}

func (d *requestReader) values(b []byte, c *pb.InferTensorContents) bool {
	texts := 0
	return fields(b, c, func(number protowire.Number, value []byte) (known, ok bool) {
		switch number {
		case fieldIntegers:
			return true, c.Int64Contents == nil && d.integers(&c.Int64Contents, value)
		case fieldSingles:
			if c.Fp32Contents != nil || len(value)%4 != 0 {
				return true, false
			}
			c.Fp32Contents = part(&d.singles, len(value)/4, d.left)
			for i := range c.Fp32Contents {
				bits, _ := protowire.ConsumeFixed32(value[4*i:])
				c.Fp32Contents[i] = math.Float32frombits(bits)
			}
			return true, true
		case fieldTexts:
			if texts++; texts == 1 {
				c.BytesContents = part(&d.texts, 1, d.left)[:0]
			}
			c.BytesContents = append(c.BytesContents, value)
			return true, true
		}
		return false, true
	})
}

// integers reads a packed list.
func (d *requestReader) integers(into *[]int64, b []byte) bool {
	n := 0
	for _, c := range b {
		if c < 0x80 { // the last byte of a number
			n++
		}
	}
	*into = part(&d.sizes, n, d.left)
	for i := range *into {
		v, size := protowire.ConsumeVarint(b)
		if size < 0 {
			return false
		}
		(*into)[i], b = int64(v), b[size:] //nolint:gosec // the bits are those of a signed number
	}
	return len(b) == 0
}

// text takes a text, which has to be UTF-8.
func text(into *string, b []byte) bool {
	*into = textOf(b)
	return utf8.Valid(b)
}

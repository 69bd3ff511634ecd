package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxModelBytes is the most that one ONNX file holds: the bound of protobuf, on
// which ONNX Runtime's reader relies.
const MaxModelBytes = math.MaxInt32

// ErrExternal says that weights outside the model's file cannot be taken in:
// the name leads elsewhere, the file is not there, or it does not hold them.
var ErrExternal = errors.New("weights in another file")

// Merge writes a model to out as a single file: every tensor that keeps its
// numbers in another file (data_location EXTERNAL) gets them as raw_data, and
// nothing else changes. files is the model's folder, or the part of it that
// may be read; what it opens must implement io.ReaderAt. Names that would leave
// the folder are refused. Merge needs memory for the model's own bytes only,
// and writes nothing before all is found to fit. Checksums that the model
// states are not looked at: the digest of what is written is what counts.
//
// The error wraps ErrInvalidModel, and ErrExternal where the weights are at fault.
func Merge(out io.Writer, model []byte, files fs.FS) error {
	m := merger{files: files, sizes: map[string]int64{}, seen: map[string]bool{}}
	pieces, _, err := m.message(message{data: model}, partModel, 0)
	if err == nil {
		if size := sizeOf(pieces); size > MaxModelBytes {
			err = fmt.Errorf("%w: the model with its weights is %d bytes, one ONNX file holds at most %d", ErrExternal, size, MaxModelBytes)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidModel, err)
	}
	for _, p := range pieces {
		if err := p.write(out, files); err != nil {
			return err
		}
	}
	return nil
}

// ExternalFiles lists the files in which a model keeps weights, each once, as
// the model names them: the names may lead anywhere. The error wraps ErrInvalidModel.
func ExternalFiles(model []byte) ([]string, error) {
	m := merger{seen: map[string]bool{}}
	if _, _, err := m.message(message{data: model}, partModel, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidModel, err)
	}
	return m.named, nil
}

// merger rewrites one model. Without files it only collects the names.
type merger struct {
	files fs.FS
	sizes map[string]int64 // of the files, by name
	named []string
	seen  map[string]bool
}

// part is a kind of message in a model file.
type part int

const (
	partOther part = iota // holds no tensors
	partModel
	partTraining
	partFunction
	partGraph
	partNode
	partAttribute
	partSparse
	partTensor
)

// child is what stands in a field of a message; field numbers are those of onnx.proto3.
func (p part) child(id protowire.Number) part {
	switch {
	case p == partModel && id == 7, p == partTraining && (id == 1 || id == 2), p == partAttribute && (id == 6 || id == 11):
		return partGraph
	case p == partModel && id == 20:
		return partTraining
	case p == partModel && id == 25:
		return partFunction
	case p == partGraph && id == 1, p == partFunction && id == 7:
		return partNode
	case p == partNode && id == 5, p == partFunction && id == 11:
		return partAttribute
	case p == partGraph && id == 15, p == partAttribute && (id == 22 || id == 23):
		return partSparse
	case p == partGraph && id == 5, p == partSparse && (id == 1 || id == 2), p == partAttribute && (id == 5 || id == 10):
		return partTensor
	}
	return partOther
}

// message rewrites the body of a message; changed tells whether it differs from before.
func (m *merger) message(body message, as part, depth int) (pieces []piece, changed bool, err error) {
	if depth > 4*maxDepth { // a subgraph is a node, an attribute and a graph deep
		return nil, false, errDepth
	}
	if as == partTensor {
		return m.tensor(body)
	}
	kept := body.at // where what is not in pieces begins
	err = body.fields(func(f field) error {
		child := as.child(f.id)
		if child == partOther || f.kind != protowire.BytesType {
			return nil
		}
		inner, differs, err := m.message(f.body, child, depth+1)
		if err != nil || !differs {
			return err
		}
		pieces = append(pieces, body.piece(kept, f.at), piece{data: protowire.AppendVarint(nil, uint64(sizeOf(inner)))})
		pieces = append(pieces, inner...)
		kept, changed = f.end, true
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return append(pieces, body.piece(kept, body.at+int64(len(body.data)))), changed, nil
}

// tensor takes the numbers of a tensor in, if they are in another file.
func (m *merger) tensor(body message) ([]piece, bool, error) {
	t, err := readPlaced(body)
	if err != nil {
		return nil, false, err
	}
	if !t.external {
		return []piece{{data: body.data}}, false, nil
	}
	if !m.seen[t.location] {
		m.seen[t.location] = true
		m.named = append(m.named, t.location)
	}
	if m.files == nil {
		return t.rest, true, nil
	}
	numbers, err := m.find(t)
	if err != nil {
		return nil, false, fmt.Errorf("%w: tensor %q: %w", ErrExternal, t.name, err)
	}
	head := protowire.AppendTag(nil, 9, protowire.BytesType) // raw_data
	head = protowire.AppendVarint(head, uint64(numbers.size))
	return append(t.rest, piece{data: head}, numbers), true, nil
}

// piece is a run of bytes of the merged model: of the model itself, or of a file.
type piece struct {
	data     []byte
	file     string // "" for data
	at, size int64  // in the file
}

// piece cuts bytes out of a message; the places count from the model's start.
func (m message) piece(from, to int64) piece { return piece{data: m.data[from-m.at : to-m.at]} }

func sizeOf(pieces []piece) int64 {
	size := int64(0)
	for _, p := range pieces {
		size += int64(len(p.data)) + p.size
	}
	return size
}

func (p piece) write(out io.Writer, files fs.FS) error {
	if p.file == "" {
		if _, err := out.Write(p.data); err != nil {
			return fmt.Errorf("write the merged model: %w", err)
		}
		return nil
	}
	f, _, err := openAt(files, p.file)
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written to it
	n, err := io.Copy(out, io.NewSectionReader(f, p.at, p.size))
	if err == nil && n != p.size {
		err = errors.New("the file changed while it was read")
	}
	if err != nil {
		return fmt.Errorf("take weights from %s into the model: %w", p.file, err)
	}
	return nil
}

package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
)

// placed is a tensor with the place of its numbers, as ONNX describes it in
// docs/ExternalData.md of its repository.
type placed struct {
	name           string
	dims           []int64
	code           uint64 // TensorProto.DataType
	external       bool
	location       string
	offset, length int64 // length is -1 where the model does not say it
	// rest is the tensor without its place and without raw data of its own.
	rest []piece
}

func readPlaced(body message) (placed, error) {
	t := placed{length: -1}
	entries := map[string]string{}
	at, kept := body.at, body.at // the field's tag, and what is not in rest yet
	err := body.fields(func(f field) (err error) {
		switch f.id {
		case 1:
			t.dims, err = f.varints(t.dims)
		case 2:
			t.code = f.number
		case 8:
			t.name = f.text()
		case 9, 13, 14: // raw_data, external_data, data_location
			t.rest = append(t.rest, body.piece(kept, at))
			kept = f.end
			if f.id == 13 {
				err = readEntry(f.body, entries)
			}
			if f.id == 14 {
				t.external = f.number == 1
			}
		}
		at = f.end
		return err
	})
	if err != nil || !t.external {
		return t, err
	}
	t.rest = append(t.rest, body.piece(kept, at))
	t.location = entries["location"]
	for key, to := range map[string]*int64{"offset": &t.offset, "length": &t.length} {
		text, given := entries[key]
		if !given {
			continue
		}
		if *to, err = strconv.ParseInt(text, 10, 64); err != nil || *to < 0 {
			return t, fmt.Errorf("%w: tensor %q: %s %q is no number of bytes", ErrExternal, t.name, key, text)
		}
	}
	return t, nil
}

// readEntry reads a StringStringEntryProto.
func readEntry(m message, to map[string]string) error {
	key, value := "", ""
	err := m.fields(func(f field) error {
		switch f.id {
		case 1:
			key = f.text()
		case 2:
			value = f.text()
		}
		return nil
	})
	to[key] = value
	return err
}

// find looks where the numbers of a tensor are, and that they are all there.
func (m *merger) find(t placed) (piece, error) {
	name := path.Clean(t.location)
	if t.location == "" || !fs.ValidPath(name) || name == "." {
		return piece{}, fmt.Errorf("%q is no name of a file in the model's folder", t.location)
	}
	has, known := m.sizes[name]
	if !known {
		f, size, err := openAt(m.files, name)
		if err != nil {
			return piece{}, err
		}
		if err := f.Close(); err != nil {
			return piece{}, fmt.Errorf("look at %s: %w", name, err)
		}
		m.sizes[name], has = size, size
	}
	size, err := t.size()
	switch {
	case err != nil:
		return piece{}, err
	case t.offset > has || size > has-t.offset:
		return piece{}, fmt.Errorf("%d bytes from byte %d of %s are asked for, the file has %d", size, t.offset, name, has)
	}
	return piece{file: name, at: t.offset, size: size}, nil
}

// externalFile is a file whose middle can be read.
type externalFile interface {
	fs.File
	io.ReaderAt
}

func openAt(files fs.FS, name string) (externalFile, int64, error) {
	opened, err := files.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := opened.Stat()
	f, readable := opened.(externalFile)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file", name)
	case !readable:
		err = fmt.Errorf("%s cannot be read from the middle", name)
	default:
		return f, info.Size(), nil
	}
	return nil, 0, errors.Join(err, opened.Close())
}

// size is how many bytes the numbers of a tensor take, by its shape and type.
func (t placed) size() (int64, error) {
	count, err := elements(t.dims)
	if err != nil {
		return 0, err
	}
	bits := storedBits(t.code)
	if bits == 0 {
		return 0, fmt.Errorf("numbers of type %d cannot be kept outside the model", t.code)
	}
	if count > MaxModelBytes*8/bits {
		return 0, fmt.Errorf("shape %s is too large: one ONNX file holds at most %d bytes", formatShape(t.dims), MaxModelBytes)
	}
	want := (count*bits + 7) / 8
	if t.length >= 0 && t.length != want {
		return 0, fmt.Errorf("shape %s takes %d bytes, the model says %d", formatShape(t.dims), want, t.length)
	}
	return want, nil
}

// storedBits is the size of one raw number of a TensorProto.DataType; 0 for
// text, which is never raw, and for what ONNX does not know.
func storedBits(code uint64) int64 {
	switch code {
	case 21, 22, 23: // uint4, int4, float4e2m1: two to a byte
		return 4
	case 2, 3, 9, 17, 18, 19, 20, 24: // uint8, int8, bool, float8
		return 8
	case 4, 5, 10, 16: // uint16, int16, float16, bfloat16
		return 16
	case 1, 6, 12: // float, int32, uint32
		return 32
	case 7, 11, 13, 14: // int64, double, uint64, complex64
		return 64
	case 15: // complex128
		return 128
	}
	return 0
}

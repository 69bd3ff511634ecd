package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// npyMagic starts an NPY file (NEP 1: "A Simple File Format for NumPy Arrays").
const npyMagic = "\x93NUMPY"

// maxNPYHeader bounds the header of an NPY file.
const maxNPYHeader = 1 << 20

// npyHeader is what an NPY file says of its array.
type npyHeader struct {
	fields  []npyField // of one element: one, or those of a structured type
	item    int64      // bytes of an element
	fortran bool
	shape   []int64
	data    int64 // where the elements start
}

// npyField is one value of an element.
type npyField struct {
	name   string
	kind   byte // i, u, f, b, U, S or M
	size   int64
	offset int64
	big    bool // big endian
	unit   int64
}

// readNPYHeader reads a header and leaves r at the first element.
func readNPYHeader(r io.Reader, name string) (npyHeader, error) {
	fail := func(format string, args ...any) (npyHeader, error) {
		return npyHeader{}, fmt.Errorf("%s: %w: %s", name, ErrSource, fmt.Sprintf(format, args...))
	}
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:6]) != npyMagic {
		return fail("it is no NPY file")
	}
	length, start := int64(binary.LittleEndian.Uint16(head[8:])), int64(10)
	if head[6] >= 2 {
		more := make([]byte, 2)
		if _, err := io.ReadFull(r, more); err != nil {
			return fail("the header is cut off")
		}
		length, start = int64(binary.LittleEndian.Uint32(append(head[8:10:10], more...))), 12
	}
	if head[6] < 1 || head[6] > 3 || length > maxNPYHeader {
		return fail("version %d.%d with a header of %d bytes is not known", head[6], head[7], length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return fail("the header is cut off")
	}
	h, err := parseNPYHeader(string(text))
	if err != nil {
		return fail("%s", err)
	}
	h.data = start + length
	return h, nil
}

// parseNPYHeader reads the Python dictionary of an NPY header.
func parseNPYHeader(text string) (h npyHeader, err error) {
	descr := regexp.MustCompile(`'descr'\s*:\s*('[^']*'|\[.*\])\s*,\s*'fortran_order'`).FindStringSubmatch(text)
	order := regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`).FindStringSubmatch(text)
	shape := regexp.MustCompile(`'shape'\s*:\s*\(([0-9, ]*)\)`).FindStringSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return h, errors.New("the header does not give descr, fortran_order and shape")
	}
	h.fortran = order[1] == "True"
	for part := range strings.SplitSeq(shape[1], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n > 1<<48 {
			return h, fmt.Errorf("the shape (%s) is not possible", shape[1])
		}
		h.shape = append(h.shape, n)
	}
	if descr[1][0] == '\'' {
		f, err := parseNPYType(strings.Trim(descr[1], "'"))
		h.fields, h.item = []npyField{f}, f.size
		return h, err
	}
	pairs := regexp.MustCompile(`\(\s*'([^']*)'\s*,\s*'([^']*)'\s*\)`).FindAllStringSubmatch(descr[1], -1)
	if len(pairs) == 0 || strings.Count(descr[1], "(") != len(pairs) {
		return h, fmt.Errorf("elements of type %.80s are not supported; store plain fields", descr[1])
	}
	for _, p := range pairs {
		f, err := parseNPYType(p[2])
		if err != nil {
			return h, err
		}
		f.name, f.offset = p[1], h.item
		h.item += f.size
		h.fields = append(h.fields, f)
	}
	return h, nil
}

// parseNPYType reads a type such as <f8, |b1, <U12 or <M8[us].
func parseNPYType(text string) (f npyField, err error) {
	m := regexp.MustCompile(`^([<>|=]?)([iufbUSMV])([0-9]+)(?:\[([a-zA-Z]+)\])?$`).FindStringSubmatch(text)
	if m == nil {
		return f, fmt.Errorf("elements of type %q are not supported; known are integers, floats, booleans, text and dates", text)
	}
	f.big, f.kind = m[1] == ">", m[2][0]
	if f.size, err = strconv.ParseInt(m[3], 10, 64); err != nil || f.size > maxFieldBytes/4 {
		return f, fmt.Errorf("elements of type %q are too large", text)
	}
	ok := false
	switch f.kind {
	case 'i', 'u':
		ok = f.size == 1 || f.size == 2 || f.size == 4 || f.size == 8
	case 'f':
		ok = f.size == 2 || f.size == 4 || f.size == 8
	case 'b':
		ok = f.size == 1
	case 'U':
		f.size *= 4
		ok = true
	case 'S':
		ok = true
	case 'M':
		f.unit = map[string]int64{"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "D": 86400e6}[m[4]]
		ok = f.size == 8 && (f.unit > 0 || m[4] == "ns")
	}
	if !ok {
		return f, fmt.Errorf("elements of type %q are not supported; known are integers, floats, booleans, text and dates", text)
	}
	return f, nil
}

func (f npyField) bits(b []byte) uint64 {
	var v uint64
	for i := range f.size {
		at := f.size - 1 - i
		if f.big {
			at = i
		}
		v = v<<8 | uint64(b[at])
	}
	return v
}

// integer reads a value of kind i, u or b.
func (f npyField) integer(b []byte) int64 {
	v := f.bits(b)
	if f.kind == 'i' {
		shift := 64 - 8*f.size
		return int64(v<<shift) >> shift
	}
	return int64(v)
}

func (f npyField) float(b []byte) float64 {
	switch f.size {
	case 2:
		return halfFloat(uint16(f.bits(b)))
	case 4:
		return float64(math.Float32frombits(uint32(f.bits(b))))
	}
	return math.Float64frombits(f.bits(b))
}

// halfFloat widens IEEE 754 binary16.
func halfFloat(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&31), float64(h&1023)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac == 0 {
			return math.Inf(int(sign))
		}
		return math.NaN()
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

// text reads a value of kind U or S, without the zeros that fill it up.
func (f npyField) text(b []byte) string {
	if f.kind == 'S' {
		return strings.ToValidUTF8(strings.TrimRight(string(b[:f.size]), "\x00"), "\uFFFD")
	}
	var out strings.Builder
	char := npyField{size: 4, big: f.big}
	for i := int64(0); i < f.size; i += 4 {
		out.WriteRune(rune(char.bits(b[i:])))
	}
	return strings.TrimRight(out.String(), "\x00")
}

// micros reads a value of kind M; ok is false for NaT.
func (f npyField) micros(b []byte) (v int64, ok bool) {
	v = int64(f.bits(b))
	if v == math.MinInt64 {
		return 0, false
	}
	if f.unit == 0 { // nanoseconds
		return v / 1000, true
	}
	return v * f.unit, true
}

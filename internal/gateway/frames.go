package gateway

import "encoding/binary"

// RFC 9113, sections 3.4, 4.1 and 6.
const (
	prefaceLength     = 24
	frameHeaderLength = 9

	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameContinuation = 0x9

	flagEndStream  = 0x1 // of DATA and HEADERS
	flagEndHeaders = 0x4 // of HEADERS and CONTINUATION
	flagPadded     = 0x8 // of DATA
)

// frames reads what one side of an HTTP/2 connection sends, as far as it takes to know which call it is about.
type frames struct {
	header  [frameHeaderLength]byte
	got     int    // bytes of the header
	left    uint32 // bytes of the frame that are yet to come
	padding uint32 // of these, bytes at its end that mean nothing
	padded  bool   // the next byte tells the padding
}

// newFrames reads a client, which begins with a preface.
func newFrames() frames { return frames{left: prefaceLength} }

// frameEvent is what a step found.
type frameEvent struct {
	stream uint32
	data   []byte // of a DATA frame, without padding
	opened bool   // headers have come whole: of a client, those of a request
	ended  bool   // headers after which nothing follows on this stream: of a server, the end of the answer
	reset  bool
}

func (f *frames) kind() byte     { return f.header[3] }
func (f *frames) flags() byte    { return f.header[4] }
func (f *frames) stream() uint32 { return binary.BigEndian.Uint32(f.header[5:]) &^ (1 << 31) }

// step reads the first bytes of p, up to the end of a frame at most, and tells how many.
func (f *frames) step(p []byte) (int, frameEvent) {
	if f.left == 0 {
		n := copy(f.header[f.got:], p)
		if f.got += n; f.got < frameHeaderLength {
			return n, frameEvent{}
		}
		f.got, f.left = 0, binary.BigEndian.Uint32(f.header[:4])>>8
		f.padding, f.padded = 0, f.kind() == frameData && f.flags()&flagPadded != 0
		return n, f.end()
	}
	if f.padded {
		f.padded, f.padding = false, uint32(p[0])
		f.left--
		return 1, f.end()
	}
	n := min(uint64(f.left), uint64(len(p)))
	event := frameEvent{}
	if f.kind() == frameData && f.left > f.padding {
		event = frameEvent{stream: f.stream(), data: p[:min(n, uint64(f.left-f.padding))]}
	}
	f.left -= uint32(n) //nolint:gosec // at most left
	if f.kind() != frameData {
		event = f.end()
	}
	return int(n), event //nolint:gosec // at most a slice's length
}

// end is what a frame means that has come whole; nothing of others, and of DATA.
func (f *frames) end() frameEvent {
	if f.left > 0 {
		return frameEvent{}
	}
	switch f.kind() {
	case frameHeaders:
		return frameEvent{stream: f.stream(), opened: f.flags()&flagEndHeaders != 0, ended: f.flags()&flagEndStream != 0}
	case frameContinuation:
		return frameEvent{stream: f.stream(), opened: f.flags()&flagEndHeaders != 0}
	case frameReset:
		return frameEvent{stream: f.stream(), reset: true}
	}
	return frameEvent{}
}

package spec

import "bytes"

// Runtimes that come with Slipway. Others are named in the daemon's settings.
const (
	RuntimeONNX  = "onnx"
	RuntimeTorch = "torch"
)

// RuntimeOf is the name of the runtime that runs an artifact: the one that the
// configuration names, else torch for a zip archive, as PyTorch writes them, and onnx for all else.
func (m Model) RuntimeOf(artifact []byte) string {
	switch {
	case m.Runtime != "":
		return m.Runtime
	case bytes.HasPrefix(artifact, []byte("PK\x03\x04")): // the header of a file in an archive
		return RuntimeTorch
	}
	return RuntimeONNX
}

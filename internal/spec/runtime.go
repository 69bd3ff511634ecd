package spec

import "bytes"

// Runtimes that come with Slipway. Others are named in the daemon's settings.
const (
	RuntimeONNX  = "onnx"
	RuntimeTorch = "torch"
	// RuntimeEnsemble runs several models as one, see package ensemble.
	RuntimeEnsemble = "ensemble"
)

// RuntimeOf is the name of the runtime that runs an artifact: the one that the
// configuration names, else torch for a zip archive, as PyTorch writes them, ensemble
// for a packed ensemble, and onnx for all else.
func (m Model) RuntimeOf(artifact []byte) string {
	switch {
	case m.Runtime != "":
		return m.Runtime
	case bytes.HasPrefix(artifact, []byte("PK\x03\x04")): // the header of a file in an archive
		return RuntimeTorch
	case bytes.HasPrefix(artifact, []byte("ensemble.json\x00")): // the first file of the archive
		return RuntimeEnsemble
	}
	return RuntimeONNX
}

//go:build !linux

package artifacts

import "os"

// alignedBuffer returns an empty buffer for size bytes.
func alignedBuffer(size int) []byte { return make([]byte, 0, size) }

// createDirect returns no file: only Linux is known to write past its cache.
func createDirect(string, []byte) (*os.File, error) { return nil, nil }

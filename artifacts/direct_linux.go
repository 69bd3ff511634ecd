package artifacts

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

const (
	// directAlign is what direct writes are aligned to in memory and in the file: no
	// file system asks for more than a page.
	directAlign = 4 << 10
	// directFrom is the size in bytes from which on going past the kernel's cache pays.
	directFrom = 1 << 20
)

// alignedBuffer returns an empty buffer for size bytes that direct writes can be made from.
func alignedBuffer(size int) []byte {
	size = (size + directAlign - 1) / directAlign * directAlign
	b := make([]byte, size+directAlign)
	begin := directAlign - int(uintptr(unsafe.Pointer(&b[0]))%directAlign)
	return b[begin : begin : begin+size]
}

// createDirect makes a file of b, past the kernel's cache: the bytes are going to be synced,
// and copying them there costs more than all else. It returns no file where that cannot be
// done, for the buffer or the file system. What b has of spare capacity may be cleared.
func createDirect(dir string, b []byte) (_ *os.File, err error) {
	padded := (len(b) + directAlign - 1) / directAlign * directAlign
	if len(b) < directFrom || cap(b) < padded || uintptr(unsafe.Pointer(&b[0]))%directAlign != 0 {
		return nil, nil
	}
	f, err := createTempFile(dir, "put-", syscall.O_DIRECT)
	if errors.Is(err, syscall.EINVAL) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	whole := b[:padded]
	clear(whole[len(b):])
	if _, err := f.Write(whole); err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(len(b))); err != nil {
		return nil, err
	}
	return f, nil
}

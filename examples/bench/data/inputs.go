package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// makeCommand is the argument with which this program starts itself to make an input.
const makeCommand = "make-input"

// What makeCommand makes, and the numbers that it takes.
const (
	kindBlob    = "blob"    // bytes, bytes before them, bytes after them
	kindFiles   = "files"   // how many
	kindParquet = "parquet" // rows, which of them is wrong (-1: none)
	kindCSV     = "csv"     // rows, which of them is wrong (-1: none)
)

func runMake(args []string) error {
	if len(args) < 2 {
		return errors.New("make-input: a kind and a path are missing")
	}
	kind, path := args[0], args[1]
	numbers := make([]int64, 3)
	for i, text := range args[2:] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || i >= len(numbers) {
			return fmt.Errorf("make-input: argument %q", text)
		}
		numbers[i] = n
	}
	switch kind {
	case kindBlob:
		return makeBlob(path, numbers[0], numbers[1], numbers[2])
	case kindFiles:
		return makeFiles(path, int(numbers[0]))
	case kindParquet:
		return makeTable(path, parquetSink, int(numbers[0]), int(numbers[1]))
	case kindCSV:
		return makeTable(path, csvSink, int(numbers[0]), int(numbers[1]))
	}
	return fmt.Errorf("make-input: kind %q", kind)
}

// noise is a stream of bytes that do not compress, the same for the same seed.
func noise(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

// makeBlob writes a file of noise with other noise before and after it.
func makeBlob(path string, bytes, before, after int64) error {
	return writeFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, io.MultiReader(
			io.LimitReader(noise(2), before), io.LimitReader(noise(1), bytes), io.LimitReader(noise(3), after)))
		return err
	})
}

// makeFiles writes files of fileSize bytes, a thousand to a folder.
func makeFiles(dir string, files int) error {
	source := noise(4)
	for i := range files {
		name := filepath.Join(dir, fmt.Sprintf("%03d", i/1000), fmt.Sprintf("%06d.bin", i))
		if i%1000 == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
		}
		content := make([]byte, fileSize)
		if _, err := io.ReadFull(source, content); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

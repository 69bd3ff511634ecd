package modelserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ReadPrograms reads a file that lists programs under the key "runtimes". Paths
// that begin with ./ or ../ are relative to the file's folder, the command's too.
func ReadPrograms(path string) ([]Program, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read runtimes: %w", err)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read runtimes: %w", err)
	}
	programs, err := parsePrograms(b, folder)
	if err != nil {
		return nil, fmt.Errorf("read runtimes %s: %w", path, err)
	}
	return programs, nil
}

func parsePrograms(b []byte, folder string) ([]Program, error) {
	var file struct {
		Runtimes []Program `yaml:"runtimes"`
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var names []string
	for i := range file.Runtimes {
		p := &file.Runtimes[i]
		for _, list := range [][]string{p.Command, p.Read, p.Write} {
			for j, s := range list {
				if strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") {
					list[j] = filepath.Join(folder, s)
				}
			}
		}
		if err := p.validate(); err != nil {
			return nil, err
		}
		if slices.Contains(names, p.Name) {
			return nil, fmt.Errorf("runtime %s is there twice", p.Name)
		}
		names = append(names, p.Name)
	}
	return file.Runtimes, nil
}

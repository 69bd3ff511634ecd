package modelsource

import (
	"fmt"
	"strings"
)

// Address is where a model is on an MLflow server.
type Address struct {
	// Name with Alias or Version is of a registered model.
	Name, Alias, Version string
	// Run with Path is of a run's artifact or of a model that it logged.
	Run, Path string
}

// Schemes of addresses.
const (
	schemeModel = "mlflow://"
	schemeRun   = "runs:/"
)

// Parse reads an address.
func Parse(s string) (Address, error) {
	bad := fmt.Errorf("%q is no address of a model: write mlflow://NAME@ALIAS, mlflow://NAME/VERSION or runs:/RUN/PATH", s)
	if rest, ok := strings.CutPrefix(s, schemeModel); ok {
		if name, alias, ok := strings.Cut(rest, "@"); ok {
			if name == "" || alias == "" || strings.ContainsAny(alias, "/@") || strings.Contains(name, "/") {
				return Address{}, bad
			}
			return Address{Name: name, Alias: alias}, nil
		}
		name, version, _ := strings.Cut(rest, "/")
		if name == "" || version == "" || strings.Trim(version, "0123456789") != "" {
			return Address{}, bad
		}
		return Address{Name: name, Version: version}, nil
	}
	rest, ok := strings.CutPrefix(s, schemeRun)
	run, path, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	path = strings.Trim(path, "/")
	if !ok || run == "" || path == "" {
		return Address{}, bad
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." {
			return Address{}, bad
		}
	}
	return Address{Run: run, Path: path}, nil
}

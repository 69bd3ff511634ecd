//go:build !amd64

package sandbox

// legacy are calls that only older machines have.
func legacy() []string { return nil }

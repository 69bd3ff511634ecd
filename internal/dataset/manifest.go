package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// ManifestVersion is the version of the manifest format.
const ManifestVersion = 1

// ManifestFile is one file of a data version.
type ManifestFile struct {
	Path   string `json:"path"`   // as the release names it
	Role   string `json:"role"`   // train, test, reference or schema
	Digest string `json:"digest"` // sha256:<hex>
	Size   int64  `json:"size"`   // bytes
}

// Manifest writes the list of files that together are a data version. Equal
// files give equal bytes, in whatever order they come: the digest of the
// manifest identifies the data version. One path and role twice is an error.
func Manifest(files []ManifestFile) ([]byte, error) {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b ManifestFile) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Path, b.Path))
	})
	for i, f := range sorted {
		if f.Path == "" || f.Role == "" || f.Digest == "" || f.Size < 0 {
			return nil, fmt.Errorf("manifest: file %q: path, role, digest and a size are needed", f.Path)
		}
		if i > 0 && sorted[i-1].Path == f.Path && sorted[i-1].Role == f.Role {
			return nil, fmt.Errorf("manifest: file %q is listed twice as %s", f.Path, f.Role)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Version int            `json:"version"`
		Files   []ManifestFile `json:"files"`
	}{ManifestVersion, sorted})
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

package mlflow

import (
	"cmp"
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/internal/catalog"
)

func (a *API) artifactEndpoints() []endpoint {
	return []endpoint{
		rpc("GET", "artifacts/list", a.listArtifacts),
		{http.MethodPost, "artifacts/presigned-upload-url", notPresigned},
		{http.MethodPost, "artifacts/presigned-download-url", notPresigned},
	}
}

// notPresigned tells clients to use the proxy.
func notPresigned(http.ResponseWriter, *http.Request) error {
	return fail(NotImplemented, "artifacts go through the proxy, there are no presigned addresses")
}

func (a *API) listArtifacts(ctx context.Context, in *struct {
	RunID   string `json:"run_id"`
	RunUUID string `json:"run_uuid"`
	Path    string `json:"path"`
}) (any, error) {
	id, err := runRef{in.RunID, in.RunUUID}.id()
	if err != nil {
		return nil, err
	}
	r, err := a.cfg.Catalog.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.listBelow(ctx, r.ArtifactURI, in.Path)
}

// fileInfo is an entry of a list of artifacts.
type fileInfo struct {
	Path  string `json:"path"`
	IsDir bool   `json:"is_dir"`
	Size  *int64 `json:"file_size,omitempty"`
}

type artifactList struct {
	Root  string     `json:"root_uri"`
	Files []fileInfo `json:"files,omitempty"`
}

// listBelow lists a folder of artifacts whose addresses begin with root; paths are relative to it.
func (a *API) listBelow(ctx context.Context, root, folder string) (artifactList, error) {
	base, ours := strings.CutPrefix(root, catalog.ArtifactAddress)
	if !ours {
		return artifactList{}, fail(InvalidParameterValue, "the artifacts at %s are not kept here: list them with a client that reaches them", clip(root))
	}
	folder, err := checkFolder(folder)
	if err != nil {
		return artifactList{}, err
	}
	files, err := a.listFolder(ctx, path.Join(strings.Trim(base, "/"), folder))
	out := artifactList{Root: root, Files: files}
	for i := range out.Files {
		out.Files[i].Path = path.Join(folder, out.Files[i].Path)
	}
	return out, err
}

// listFolder lists what is directly in a folder, by name; an empty name is the root.
// What is not there, or is a file, has nothing in it.
func (a *API) listFolder(ctx context.Context, folder string) ([]fileInfo, error) {
	files, err := a.cfg.Catalog.TrackedFiles(ctx, folder)
	if err != nil {
		return nil, err
	}
	var out []fileInfo
	for _, f := range files {
		name := strings.TrimPrefix(strings.TrimPrefix(f.Path, folder), "/")
		if dir, _, deeper := strings.Cut(name, "/"); deeper {
			if n := len(out); n == 0 || out[n-1].Path != dir {
				out = append(out, fileInfo{Path: dir, IsDir: true})
			}
			continue
		}
		out = append(out, fileInfo{Path: name, Size: &f.Size})
	}
	slices.SortFunc(out, func(a, b fileInfo) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// checkPath accepts the relative path of an artifact: one that stays below its
// folder wherever it is unpacked.
func checkPath(p string) error {
	bad := p == "" || path.Clean(p) != p || path.IsAbs(p) || p == "." || p == ".." || strings.HasPrefix(p, "../") ||
		strings.ContainsAny(p, "\\\x00") || strings.Contains(p, "://") || !utf8.ValidString(p)
	if bad {
		return fail(InvalidParameterValue, "Invalid path")
	}
	return within("path", p, maxPath)
}

// checkFolder accepts the relative path of a folder that is listed; empty is the
// folder that it is relative to. Clients that are asked for '.' leave it in the path.
func checkFolder(p string) (string, error) {
	parts := slices.DeleteFunc(strings.Split(p, "/"), func(part string) bool { return part == "." })
	if p = strings.Join(parts, "/"); p == "" {
		return "", nil
	}
	return p, checkPath(p)
}

// maxPath bounds the whole path of an artifact.
const maxPath = 1024

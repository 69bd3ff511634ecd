package mlflow

import (
	"context"
	"net/url"
	"path"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// artifactScheme is of addresses of the artifact proxy.
const artifactScheme = "mlflow-artifacts"

// resolve checks where a new version's content is and fixes what it is: the
// digest over its files, and the run that a logged model came from.
func (a *API) resolve(ctx context.Context, v *catalog.Model) error {
	if err := checkSource(v.Source); err != nil {
		return err
	}
	if v.Run != "" {
		if err := checkID("run_id", v.Run); err != nil {
			return err
		}
	}
	if id, ok := strings.CutPrefix(v.Source, "models:/"); ok && v.ModelID == "" && !strings.ContainsAny(id, "/@") {
		v.ModelID = id
	}
	var roots []string
	if v.ModelID != "" {
		m, err := a.cfg.Catalog.LoggedModel(ctx, v.ModelID, false)
		if err != nil {
			return err
		}
		roots = append(roots, m.ArtifactURI)
		if v.Run == "" {
			v.Run = m.SourceRun
		}
	}
	location, err := a.location(ctx, v.Source)
	if err != nil {
		return err
	}
	if v.Run != "" && strings.HasPrefix(location, artifactScheme+":") {
		run, err := a.cfg.Catalog.Run(ctx, v.Run)
		if err != nil {
			return err
		}
		roots = append(roots, run.ArtifactURI)
	}
	if err := contained(v.Source, location, roots); err != nil {
		return err
	}
	files, err := a.content(ctx, location)
	if err != nil {
		return err
	}
	v.Digest, err = catalog.ContentDigest(files)
	return err
}

// contained refuses an address of the proxy that is not the run's or the logged
// model's that the version is said to come from: it would give away the files of another.
func contained(source, location string, roots []string) error {
	if !strings.HasPrefix(source, artifactScheme+":") {
		return nil
	}
	for _, root := range roots {
		if location == root || strings.HasPrefix(location, root+"/") {
			return nil
		}
	}
	return fail(InvalidParameterValue, "Invalid model version source: '%s'. It must be within the artifacts of the run that run_id names, or of the logged model that model_id names.", clip(source))
}

// checkSource refuses addresses that lead out of where they seem to be, and
// files of this host, which no client means.
func checkSource(source string) error {
	local := fail(InvalidParameterValue, "Invalid model version source: '%s'. To use a local path as a model version source is not possible here, as files of the server are never read: log the model with a client, or give an absolute URI.", clip(source))
	bad := fail(InvalidParameterValue, "Invalid model version source: '%s'. If supplying a source as an http, https, ftp, object store or other URI, it must be absolute, without relative parts.", clip(source))
	plain := source
	for range 10 { // escapes of escapes
		next, err := url.QueryUnescape(plain)
		if err != nil || next == plain {
			break
		}
		plain = next
	}
	u, err := url.Parse(source)
	switch {
	case err != nil || strings.ContainsRune(plain, 0):
		return bad
	case u.Scheme == "" || u.Scheme == "file":
		return local
	}
	for _, part := range strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return bad
		}
	}
	return nil
}

// location follows an address of ours to where the files are; one of elsewhere
// is a location already.
func (a *API) location(ctx context.Context, source string) (string, error) {
	scheme, rest, _ := strings.Cut(source, ":")
	rest = strings.Trim(rest, "/")
	switch scheme {
	case "runs":
		uid, below, _ := strings.Cut(rest, "/")
		run, err := a.cfg.Catalog.Run(ctx, uid)
		if err != nil {
			return "", err
		}
		return joined(run.ArtifactURI, below), nil
	case "models":
		return a.modelLocation(ctx, source, rest)
	case artifactScheme:
		return artifactScheme + ":/" + rest, nil
	}
	return source, nil
}

// modelLocation follows models:/m-ID, models:/NAME/VERSION and models:/NAME@ALIAS.
func (a *API) modelLocation(ctx context.Context, uri, rest string) (string, error) {
	bad := fail(InvalidParameterValue, "Not a proper models URI: %s", clip(uri))
	if name, alias, ok := strings.Cut(rest, "@"); ok {
		found, err := a.getByAlias(ctx, &aliasRequest{Name: name, Alias: alias})
		if err != nil {
			return "", err
		}
		return a.location(ctx, found.Version.Source)
	}
	name, version, ok := strings.Cut(rest, "/")
	if !ok {
		m, err := a.cfg.Catalog.LoggedModel(ctx, rest, false)
		return m.ArtifactURI, err
	}
	var number integer
	if number.UnmarshalJSON([]byte(version)) != nil {
		return "", bad
	}
	m, err := a.version(ctx, name, &number)
	if err != nil {
		return "", err
	}
	return a.location(ctx, source(m))
}

func joined(uri, below string) string {
	if below = strings.Trim(path.Clean("/"+below), "/"); below != "" {
		return uri + "/" + below
	}
	return uri
}

// content lists the files at an address of the proxy; none of one elsewhere.
func (a *API) content(ctx context.Context, location string) ([]catalog.ModelFile, error) {
	folder, ours := strings.CutPrefix(location, artifactScheme+":/")
	if !ours {
		return nil, nil
	}
	folder = strings.Trim(folder, "/")
	tracked, err := a.cfg.Catalog.TrackedFiles(ctx, folder)
	return catalog.ModelFiles(folder, tracked), err
}

// Content lists the files of a version that a client stored here, and the folder
// of the artifact proxy that they are in. There are none if it lies elsewhere.
func (a *API) Content(ctx context.Context, m catalog.Model) (folder string, files []catalog.ModelFile, err error) {
	location, err := a.location(ctx, m.Source)
	if err != nil {
		return "", nil, err
	}
	files, err = a.content(ctx, location)
	return strings.Trim(strings.TrimPrefix(location, artifactScheme+":/"), "/"), files, err
}

package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/artifacts"
	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// uploadTime bounds the upload of one artifact.
const uploadTime = 10 * time.Minute

// artifacts brings the artifacts over that are kept here, through the other server's proxy.
func (a *attempt) artifacts(ctx context.Context) error {
	folder, ours := strings.CutPrefix(a.run.ArtifactURI, catalog.ArtifactAddress)
	if !ours {
		return nil // elsewhere, where the other server's users may reach them as well as ours
	}
	folder = strings.Trim(folder, "/")
	files, err := a.cfg.Catalog.TrackedFiles(ctx, folder)
	if err != nil || len(files) == 0 && len(a.sent.Files) == 0 {
		return err
	}
	to, reachable := proxied(a.remote.Info.ArtifactURI)
	here := make(map[string]catalog.TrackedFile, len(files))
	for _, f := range files {
		here[strings.TrimPrefix(f.Path, folder+"/")] = f
	}
	if err := a.unfile(ctx, to, here); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(here)) {
		f := here[path]
		if a.sent.Files[path] == f.Digest || a.sent.refused("artifact", path, valueOf(f.Digest)) {
			continue
		}
		if _, replaces := a.sent.Files[path]; !replaces && len(a.sent.Files) >= a.cfg.MaxArtifacts {
			// One line for all that are left: the list of what is refused is short.
			return a.sent.refuse("artifact", "…", "", fmt.Errorf("%d of the run's %d artifacts are mirrored, no more", a.cfg.MaxArtifacts, len(files)))
		}
		var why error
		switch {
		case !reachable:
			why = fmt.Errorf("the run's artifacts are at %s there, which can't be written through the server: run it with --serve-artifacts", clip(a.remote.Info.ArtifactURI))
		case f.Size > a.cfg.MaxArtifact:
			why = fmt.Errorf("it has %d bytes, at most %d are mirrored (--mirror-max-artifact-mb)", f.Size, a.cfg.MaxArtifact)
		default:
			why = a.upload(ctx, to+"/"+path, f)
			if why == nil {
				a.sent.Files[path] = f.Digest
				continue
			}
			if !mlflowclient.Refused(why) && !errors.Is(why, artifacts.ErrDamaged) && !errors.Is(why, artifacts.ErrNotFound) {
				return why
			}
		}
		if err := a.sent.refuse("artifact", path, valueOf(f.Digest), why); err != nil {
			return err
		}
	}
	return nil
}

// unfile deletes artifacts that came from here and are here no more.
func (a *attempt) unfile(ctx context.Context, to string, here map[string]catalog.TrackedFile) error {
	for _, path := range slices.Sorted(maps.Keys(a.sent.Files)) {
		if _, kept := here[path]; kept {
			continue
		}
		// One that is not there any more need not be deleted; servers say that in several ways.
		if err := a.cfg.Server.DeleteFile(ctx, to+"/"+path); err != nil && !gone(err) {
			return err
		}
		delete(a.sent.Files, path)
	}
	return nil
}

func gone(err error) bool {
	var e *mlflowclient.Error
	return errors.As(err, &e) && (e.Status == 404 || e.Code != "" && e.Status/100 == 4)
}

func (a *attempt) upload(ctx context.Context, to string, f catalog.TrackedFile) (err error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	content, err := a.cfg.Repository.Open(ctx, artifacts.Digest(f.Digest))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return a.cfg.Server.PutFile(ctx, to, f.Size, content)
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

func modelGetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME@VERSION FOLDER",
		Short: "Download a version, verified against its digest",
		Long: `Downloads the files of a version into FOLDER, which must not exist or be empty.
Every file is verified against its digest, and all of them against the version's.`,
		Example: `  slipway model get credit-risk@production ./model
  slipway model get churn@champion ./model`,
		Args: takes("NAME@VERSION", "FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runModelGet(cmd.Context(), args[0], args[1]) },
	}
}

func (a *app) runModelGet(ctx context.Context, arg, folder string) error {
	ref, err := parseModel(arg)
	if err != nil {
		return err
	}
	if there, err := os.ReadDir(folder); err == nil && len(there) > 0 {
		return fmt.Errorf("folder %s is not empty: name another", folder)
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	m, err := c.Model(ctx, ref.name, ref.version)
	if err != nil {
		return err
	}
	files, err := c.ModelFiles(ctx, m.Name, m.Version)
	if err != nil {
		return err
	}
	if err := sameContent(m, files); err != nil {
		return err
	}
	for _, f := range files {
		if err := getFile(ctx, c, f, folder); err != nil {
			return err
		}
	}
	if a.json() {
		return a.printJSON(struct {
			Model  string                    `json:"model"`
			Digest string                    `json:"digest"`
			Folder string                    `json:"folder"`
			Files  []controlclient.ModelFile `json:"files"`
		}{m.Name + "@" + m.Version, m.Digest, folder, files})
	}
	fmt.Fprintf(a.stdout, "%s: %d files in %s, verified against %s\n", clean(m.Name+"@"+m.Version), len(files), folder, short(m.Digest))
	return nil
}

// sameContent checks that the files are those that were registered.
func sameContent(m controlclient.Model, files []controlclient.ModelFile) error {
	if m.Source == "" && len(files) == 1 && files[0].Digest == m.Digest {
		return nil
	}
	content := make([]catalog.ModelFile, len(files))
	for i, f := range files {
		content[i] = catalog.ModelFile{Path: f.Path, Digest: f.Digest, Size: f.Size}
	}
	digest, err := catalog.ContentDigest(content)
	if err != nil {
		return err
	}
	if digest != m.Digest {
		return fmt.Errorf("the files of %s@%s are not those that were registered: their digest is %s, not %s: they were changed or deleted since", m.Name, m.Version, digest, first(m.Digest, "on record"))
	}
	return nil
}

// getFile downloads a file under another name and renames it once its digest is right.
func getFile(ctx context.Context, c *controlclient.Client, f controlclient.ModelFile, folder string) (err error) {
	if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
		return fmt.Errorf("file %q of the version would lie outside of the folder", f.Path)
	}
	to := filepath.Join(folder, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return fmt.Errorf("download %s: %w", f.Path, err)
	}
	body, err := c.OpenFile(ctx, f)
	if err != nil {
		return err
	}
	defer body.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".download-*")
	if err != nil {
		return fmt.Errorf("download %s: %w", f.Path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), body)
	if err = errors.Join(err, out.Chmod(0o644), out.Close()); err != nil {
		return fmt.Errorf("download %s: %w", f.Path, err)
	}
	if got := "sha256:" + hex.EncodeToString(hash.Sum(nil)); got != f.Digest {
		return fmt.Errorf("download %s: the bytes have the digest %s, not %s", f.Path, got, f.Digest)
	}
	if err := os.Rename(out.Name(), to); err != nil {
		return fmt.Errorf("download %s: %w", f.Path, err)
	}
	return nil
}

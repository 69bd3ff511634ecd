package spec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/spec"
)

// stored is valid with tables of a stored data version.
func stored(version string) string {
	return strings.Replace(valid, "  train: train.csv\n  test: test.csv\n", "  version: "+version+"\n  train: a/train.parquet\n  test: a/test.parquet\n", 1)
}

func TestLoadTakesAStoredVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"credit@3", "credit", "golden", "sha256:" + strings.Repeat("0f", 32), "sha256:0123abcd", "0123abcd"} {
		path := folder(t, stored(version))
		for _, name := range []string{"train.csv", "test.csv"} { // the tables are not beside the spec
			require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), name)))
		}
		r, err := spec.Load(path)
		require.NoError(t, err, version)
		require.Equal(t, version, r.Data.Version)
		require.Empty(t, r.Data.Name, "the version has a name")
		require.Equal(t, "a/train.parquet", r.Data.Reference.Path)
		var fields []string
		require.NoError(t, r.EachFile(func(field string, _ *spec.File) error {
			fields = append(fields, field)
			return nil
		}))
		require.Equal(t, []string{"model.artifact", "data.schema"}, fields)
		before := r
		r.SetDefaults()
		require.Equal(t, before, r)
		survives(t, r)
		text, err := r.YAML()
		require.NoError(t, err)
		back, err := spec.Parse("again.yaml", text)
		require.NoError(t, err)
		require.Equal(t, r, back)
	}
	path := folder(t, stored("credit@3"))
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), "schema.yaml")))
	_, err := spec.Load(path)
	require.ErrorContains(t, err, ":12: data.schema: file", "the schema is always beside the spec")
}

// A workflow's input may name the tables of a stored version by their paths alone.
func TestResolvedValidateOfAStoredVersion(t *testing.T) {
	t.Parallel()
	r, err := spec.Parse("release.yaml", []byte(stored("credit@3")))
	require.NoError(t, err)
	digest := "sha256:" + strings.Repeat("0f", 32)
	for _, f := range []*spec.File{&r.Model.Artifact, &r.Data.Schema} {
		f.Digest, f.Size = digest, 1
	}
	require.NoError(t, spec.ResolvedValidate(r))
	b, err := json.Marshal(r)
	require.NoError(t, err)
	decoded, err := spec.DecodeJSON(b)
	require.NoError(t, err)
	require.NoError(t, spec.ResolvedValidate(decoded))
	r.Data.Train.Digest, r.Data.Train.Size = digest, 5
	require.NoError(t, spec.ResolvedValidate(r))
	r.Data.Test.Digest = "sha256:short"
	require.EqualError(t, spec.ResolvedValidate(r), `data.test.digest: "sha256:short" is not allowed; want sha256: and 64 hexadecimal digits of the stored file
data.test.size: 0 is not allowed; want the size of the stored file in bytes, more than 0`)
}

func TestPlaced(t *testing.T) {
	t.Parallel()
	path := folder(t, stored("credit@3"))
	found := spec.Problems{{Field: "data.test", Found: "it is not there", Want: "another"}, {Field: "data.version", Found: "it is gone"}}
	require.EqualError(t, spec.Placed(path, found), path+":8: data.version: it is gone\n"+path+":10: data.test: it is not there; want another")
	require.NoError(t, spec.Placed(path, nil))
	require.EqualError(t, spec.Placed("/no/such/file", found[:1]), "/no/such/file: data.test: it is not there; want another")
}

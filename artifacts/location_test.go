package artifacts

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseLocation(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("store")
	require.NoError(t, err)
	for in, want := range map[string]string{
		"/var/lib/slipway":                 "/var/lib/slipway",
		"store":                            here,
		"file:///var/lib/slipway/":         "/var/lib/slipway",
		"file://localhost/var/lib/slipway": "/var/lib/slipway",
		"file:///with%20space":             "/with space",
		"file:///a/../b":                   "/b",
		"mem://":                           "mem://",
		"s3://bucket?region=eu-central-1":  "s3://bucket",
		"s3://bucket?prefix=a/b/&endpoint=http%3A%2F%2Fhost:9000": "s3://bucket/a/b/ at http://host:9000",
	} {
		loc, err := parseLocation(in)
		require.NoError(t, err, in)
		require.Equal(t, want, loc.String(), in)
	}
	for in, says := range map[string]string{
		"":                           "empty",
		"file://relative/dir":        "three slashes",
		"file:":                      "", // a plain, if odd, path
		"file://":                    "no absolute path",
		"file:///a?no_tmp_dir=true":  "takes no parameters",
		"mem://name":                 "takes nothing",
		"s3://":                      "names no bucket",
		"s3://bucket/some/path":      "?prefix=some/path/",
		"s3://key:secret@bucket":     "carries credentials",
		"gs://bucket":                `"gs" is not known: use file, mem or s3`,
		"s3://bu cket":               "invalid character",
		"file:///a%00b":              "no absolute path",
		"s3://bucket:notaport?a=b":   "invalid port",
		"://nothing":                 "missing protocol scheme",
		"https://example.org/bucket": "use file, mem or s3",
	} {
		_, err := parseLocation(in)
		if says == "" {
			require.NoError(t, err, in)
			continue
		}
		require.ErrorContains(t, err, says, in)
		require.NotContains(t, err.Error(), "secret", in)
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"", "/dir", "file:///dir", "mem://", "s3://b?prefix=x/", "file://h/d", "://", "s3://u:p@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		loc, err := parseLocation(s)
		if err != nil {
			return
		}
		switch loc.scheme {
		case schemeFile:
			require.True(t, filepath.IsAbs(loc.dir))
		case schemeS3:
			require.NotEmpty(t, loc.url.Host)
		default:
			require.Equal(t, schemeMem, loc.scheme)
		}
	})
}

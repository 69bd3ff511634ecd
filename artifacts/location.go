package artifacts

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Schemes a store URL may have.
const (
	schemeFile = "file"
	schemeMem  = "mem"
	schemeS3   = "s3"
)

// prefixParam is the parameter of an S3 URL that places the store in a part of
// the bucket: every key begins with it.
const prefixParam = "prefix"

// location is a parsed store URL.
type location struct {
	scheme string
	dir    string   // of schemeFile: absolute
	url    *url.URL // of schemeS3
}

// parseLocation reads a store URL or a plain path, which means a folder.
func parseLocation(s string) (location, error) {
	if s == "" {
		return location{}, fmt.Errorf("store URL is empty: give a folder, file:///dir, mem:// or s3://bucket")
	}
	scheme, _, isURL := strings.Cut(s, "://")
	if !isURL {
		dir, err := filepath.Abs(s)
		return location{scheme: schemeFile, dir: dir}, err
	}
	u, err := url.Parse(s)
	if err != nil {
		return location{}, fmt.Errorf("store URL: %w", err)
	}
	if u.User != nil {
		return location{}, fmt.Errorf("store URL %s carries credentials: give them in the environment or the shared credentials file", u.Redacted())
	}
	switch u.Scheme {
	case schemeFile:
		if u.Host != "" && u.Host != "localhost" {
			return location{}, fmt.Errorf("store URL %s names host %q: a folder is file:///absolute/path, three slashes", s, u.Host)
		}
		if !strings.HasPrefix(u.Path, "/") || strings.ContainsRune(u.Path, 0) {
			return location{}, fmt.Errorf("store URL %q holds no absolute path", s)
		}
		if u.RawQuery != "" {
			return location{}, fmt.Errorf("store URL %s: a folder takes no parameters, found %q", s, u.RawQuery)
		}
		return location{scheme: schemeFile, dir: filepath.Clean(filepath.FromSlash(u.Path))}, nil
	case schemeMem:
		if u.Host != "" || u.Path != "" || u.RawQuery != "" {
			return location{}, fmt.Errorf("store URL %s: mem:// takes nothing after it", s)
		}
		return location{scheme: schemeMem}, nil
	case schemeS3:
		if u.Host == "" {
			return location{}, fmt.Errorf("store URL %s names no bucket: s3://bucket", s)
		}
		if u.Path != "" && u.Path != "/" {
			return location{}, fmt.Errorf("store URL %s: a path inside the bucket is given as ?prefix=%s/", s, strings.Trim(u.Path, "/"))
		}
		return location{scheme: schemeS3, url: u}, nil
	}
	return location{}, fmt.Errorf("store URL scheme %q is not known: use file, mem or s3", clip(scheme))
}

// String returns the location as messages show it: without the parameters that
// do not say where it is.
func (l location) String() string {
	switch l.scheme {
	case schemeFile:
		return l.dir
	case schemeS3:
		q := l.url.Query()
		where := l.url.Scheme + "://" + l.url.Host
		if prefix := q.Get(prefixParam); prefix != "" {
			where += "/" + prefix
		}
		if endpoint := q.Get("endpoint"); endpoint != "" {
			where += " at " + endpoint
		}
		return where
	}
	return l.scheme + "://"
}

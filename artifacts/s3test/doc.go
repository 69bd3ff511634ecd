// Package s3test starts a real S3-compatible server for tests: versitygw over a
// temporary folder, on 127.0.0.1. Only tests may import it.
package s3test

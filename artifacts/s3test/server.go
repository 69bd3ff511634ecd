package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	// ServerEnv names the variable that holds the path of the versitygw binary.
	// The Makefile builds one and sets it.
	ServerEnv = "SLIPWAY_TEST_S3_SERVER"

	// Bucket is the bucket that Start makes.
	Bucket = "artifacts"

	accessKey = "slipway-test"
	secretKey = "slipway-test-secret"
	region    = "us-east-1"
)

// Start runs a server until the test ends and returns the URL of an empty
// bucket on it, as artifacts.Open takes it. The test fails when ServerEnv is
// not set: what S3 does is not a thing to leave untested.
//
// Start puts the server's credentials into the environment of the process, as
// the AWS SDK and child processes look for them there. They are the same for
// every server it starts, so tests that call it may run in parallel; tests that
// need other AWS credentials do not belong in the same package.
func Start(t testing.TB) (bucketURL string) {
	t.Helper()
	binary := os.Getenv(ServerEnv)
	if binary == "" {
		t.Fatalf("%s is not set: run `make test`, which builds the S3 server that the tests talk to", ServerEnv)
	}
	setCredentials(t)
	root := t.TempDir()
	objects, sidecar := filepath.Join(root, "objects"), filepath.Join(root, "sidecar")
	for _, dir := range []string{filepath.Join(objects, Bucket), sidecar} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// A port that was free a moment ago may be taken by now: try another.
	var err error
	for range 5 {
		var addr string
		if addr, err = run(t, binary, objects, sidecar); err == nil {
			return bucketAt(addr)
		}
	}
	t.Fatalf("start %s: %v", binary, err)
	return ""
}

func setCredentials(t testing.TB) {
	t.Helper()
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey} {
		if err := os.Setenv(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

func bucketAt(addr string) string {
	q := url.Values{
		"endpoint":       {"http://" + addr},
		"region":         {region},
		"use_path_style": {"true"},
	}
	return (&url.URL{Scheme: "s3", Host: Bucket, RawQuery: q.Encode()}).String()
}

// run starts one server and returns its address once it answers.
func run(t testing.TB, binary, objects, sidecar string) (addr string, err error) {
	t.Helper()
	if addr, err = freeAddr(); err != nil {
		return "", err
	}
	const health = "/health"
	var log bytes.Buffer
	// The sidecar keeps metadata out of extended attributes, which not every
	// file system that holds temporary folders has.
	cmd := exec.Command(binary, "--port", addr, "--region", region, "--health", health, "--quiet", "posix", "--sidecar", sidecar, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+accessKey, "ROOT_SECRET_ACCESS_KEY="+secretKey)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ctx, exited := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		exited(fmt.Errorf("server ended: %w", errorOf(cmd.Wait())))
	}()
	stop := func() {
		_ = cmd.Process.Kill() // fails only when it has ended
		<-done
	}
	if err := await(ctx, "http://"+addr+health); err != nil {
		stop()
		return "", fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	t.Cleanup(stop)
	return addr, nil
}

func errorOf(err error) error {
	if err == nil {
		return fmt.Errorf("exit status 0")
	}
	return err
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await returns when url answers 200, or fails when ctx ends or 30 s have passed.
func await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("no answer from %s in 30 s", url))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

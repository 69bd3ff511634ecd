package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// Environment of a child process: what to do and on which catalog.
const (
	envChild = "CATALOG_TEST_CHILD"
	envDSN   = "CATALOG_TEST_DSN"
)

// TestMain turns the test binary into another process of Slipway when a test
// starts it again; see child.
func TestMain(m *testing.M) {
	work := map[string]func(context.Context, string) error{"write": writeForever, "register": registerForever, "open": openOnce}[os.Getenv(envChild)]
	if work == nil {
		os.Exit(m.Run())
	}
	if err := work(context.Background(), os.Getenv(envDSN)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// openOnce opens the catalog and writes one event.
func openOnce(ctx context.Context, dsn string) error {
	c, err := catalog.Open(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = c.Record(ctx, event(fmt.Sprint("open-", os.Getpid())))
	return errors.Join(err, c.Close())
}

// writeForever makes moves of all kinds until it is killed. It prints a line when the first is done.
func writeForever(ctx context.Context, dsn string) error {
	c, err := catalog.Open(ctx, dsn)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("m%d-%d", os.Getpid(), i)
		if err := releaseOnce(ctx, c, name, "1.0.0"); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("writing")
		}
	}
}

// releaseOnce takes a version from nothing to production.
func releaseOnce(ctx context.Context, c *catalog.Catalog, name, version string) error {
	key := "release/" + name + "/" + version + "@run"
	step := func(s string) catalog.Mark { return mark(key + "/" + s) }
	if _, err := c.BeginRelease(ctx, catalog.Release{Model: name, Version: version, Run: "run"}, step("begin")); err != nil {
		return err
	}
	if _, _, err := c.RegisterModel(ctx, model(name, version), nil, step("register")); err != nil {
		return err
	}
	route, err := c.StageCanary(ctx, name, version, digestOf(name, version), key, step("stage"))
	if err != nil {
		return err
	}
	if route, err = c.ShiftCanary(ctx, name, key, 500, route.Rev, step("shift")); err != nil {
		return err
	}
	if _, err := c.PromoteCanary(ctx, name, key, route.Rev, step("promote")); err != nil {
		return err
	}
	return c.FinishRelease(ctx, name, version, "run", "production", "all gates passed", step("finish"))
}

func mark(key string) catalog.Mark {
	return catalog.Mark{Key: key, Actor: "ann", Reason: "because of " + key}
}

func event(key string) catalog.Event {
	return catalog.Event{Key: key, Actor: "ann", Action: "test.noted", Subject: "test/" + key, Detail: []byte(`{"b": 1.50, "a": "<é>"}`)}
}

func digestOf(name, version string) string { return "sha256:" + name + "-" + version }

func model(name, version string) catalog.Model {
	return catalog.Model{Name: name, Version: version, Digest: digestOf(name, version), Config: []byte(`{"name":"` + name + `"}`), Metrics: map[string]float64{"accuracy": 0.75}}
}

// events lists all events.
func events(t *testing.T, c *catalog.Catalog) []catalog.Event {
	t.Helper()
	all, err := c.Events(t.Context(), catalog.EventFilter{})
	require.NoError(t, err)
	return all
}

// intact checks the chain and returns its length.
func intact(t *testing.T, c *catalog.Catalog) int64 {
	t.Helper()
	n, err := c.VerifyEvents(t.Context())
	require.NoError(t, err)
	require.Len(t, events(t, c), int(n))
	return n
}

// each is catalogtest.Each with the catalog open.
func each(t *testing.T, test func(t *testing.T, c *catalog.Catalog)) {
	t.Helper()
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) { test(t, open()) })
}

// field is one value of an event's detail, by its path.
func field(t *testing.T, e catalog.Event, path ...string) string {
	t.Helper()
	raw := e.Detail
	for _, key := range path {
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &object))
		raw = object[key]
	}
	return string(raw)
}

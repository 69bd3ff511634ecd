package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/catalog/catalogtest"
	"github.com/slipway-ml/slipway/internal/webhook"
)

// got is one delivery as it arrived.
type got struct {
	id, body string
	ok       bool // it was answered 200
	signed   bool
}

// receiver answers as its test says and keeps what came.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	all    []got
	answer func(n int, w http.ResponseWriter, r *http.Request) int // status of the n-th attempt, from 0
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	seconds, _ := strconv.ParseInt(req.Header.Get(webhook.HeaderTimestamp), 10, 64)
	id := req.Header.Get(webhook.HeaderDelivery)
	signed := req.Header.Get(webhook.HeaderSignature) == webhook.Sign([]byte("s3cret"), id, time.Unix(seconds, 0), body)
	r.mu.Lock()
	n := len(r.all)
	r.all = append(r.all, got{id: id, body: string(body), signed: signed})
	r.mu.Unlock()
	status := r.answer(n, w, req)
	r.mu.Lock()
	r.all[n].ok = status/100 == 2
	r.mu.Unlock()
	w.WriteHeader(status)
}

func (r *receiver) seen() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.all...)
}

func (r *receiver) delivered() (all []got) {
	for _, g := range r.seen() {
		if g.ok {
			all = append(all, g)
		}
	}
	return all
}

// reversing is a keeper that turns bytes around: enough to see that secrets go through it.
type reversing struct{}

func (reversing) Encrypt(_ context.Context, b []byte) ([]byte, error) { return turned(b), nil }
func (reversing) Decrypt(_ context.Context, b []byte) ([]byte, error) { return turned(b), nil }

func turned(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[len(b)-1-i] = b[i]
	}
	return out
}

func newCourier(t *testing.T, c *catalog.Catalog, networks ...string) *webhook.Courier {
	t.Helper()
	allowed, err := webhook.ParseNetworks(networks)
	require.NoError(t, err)
	courier, err := webhook.New(webhook.Config{
		Catalog: c, Keeper: reversing{}, Networks: allowed, Timeout: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		FirstRetry: time.Millisecond, MaxRetry: 20 * time.Millisecond, Poll: 5 * time.Millisecond,
	})
	require.NoError(t, err)
	return courier
}

func hook(t *testing.T, c *catalog.Catalog, courier *webhook.Courier, id, url string) {
	t.Helper()
	secret, sealed, err := courier.Seal(t.Context(), "s3cret")
	require.NoError(t, err)
	require.True(t, sealed)
	require.NotContains(t, string(secret), "s3cret")
	_, err = c.CreateWebhook(t.Context(), catalog.Webhook{ID: id, Name: id, URL: url, Events: webhook.Names(), Secret: secret, Sealed: true, Active: true}, mark("hook/"+id))
	require.NoError(t, err)
}

func mark(key string) catalog.Mark { return catalog.Mark{Key: key, Actor: "ann"} }

// busy makes moves of all kinds and returns how many notices they mean.
func busy(t *testing.T, c *catalog.Catalog, name string) int {
	t.Helper()
	ctx, key := t.Context(), func(s string) catalog.Mark { return mark(name + "/" + s) }
	_, err := c.CreateRegisteredModel(ctx, catalog.RegisteredModel{Name: name, Description: "d", Tags: map[string]string{"a": "b"}}, key("create"))
	require.NoError(t, err)
	for i := range 3 {
		_, err := c.CreateVersion(ctx, catalog.Model{Name: name, Source: "s3://x", Run: "r"}, key(fmt.Sprint("v", i)))
		require.NoError(t, err)
	}
	require.NoError(t, c.TagVersion(ctx, name, "1", catalog.Tag{Key: "k", Value: "v"}, key("tag")))
	require.NoError(t, c.UntagVersion(ctx, name, "1", "k", key("untag")))
	_, err = c.DescribeVersion(ctx, name, "1", "better", key("describe"))
	require.NoError(t, err)
	_, err = c.PromoteModel(ctx, catalog.Promotion{Name: name, Version: "1"}, key("promote"))
	require.NoError(t, err)
	_, err = c.MoveAlias(ctx, catalog.AliasMove{Name: name, Alias: "best", Version: "2"}, key("alias"))
	require.NoError(t, err)
	require.NoError(t, c.DeleteVersion(ctx, name, "1", key("delete")))
	return 1 + 3 + 2 + 1 + 2 + 1 + 2
}

func run(t *testing.T, courier *webhook.Courier) (stop func() webhook.Report) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan webhook.Report, 1)
	go func() {
		report, err := courier.Run(ctx, func(webhook.Report) {})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		done <- report
	}()
	return func() webhook.Report { cancel(); return <-done }
}

func TestEveryEventInOrder(t *testing.T) {
	t.Parallel()
	catalogtest.Each(t, func(t *testing.T, open func() *catalog.Catalog) {
		c := open()
		courier := newCourier(t, c, "127.0.0.0/8")
		release := make(chan struct{})
		good := newReceiver(t, func(int, http.ResponseWriter, *http.Request) int { return 200 })
		flaky := newReceiver(t, func(n int, _ http.ResponseWriter, r *http.Request) int {
			if n == 1 {
				<-r.Context().Done() // hangs until the courier gives up
			}
			return []int{500, 200, 200, 429, 404, 201}[n%6]
		})
		stuck := newReceiver(t, func(int, http.ResponseWriter, *http.Request) int {
			select {
			case <-release:
				return 200
			default:
				return 503
			}
		})
		busy(t, c, "before") // nobody is told of what was before
		hook(t, c, courier, "good", good.URL)
		hook(t, c, courier, "flaky", flaky.URL)
		hook(t, c, courier, "stuck", stuck.URL)
		want := busy(t, c, "m")
		stop := run(t, courier)
		noted := func(id string) bool {
			w, err := c.Webhook(t.Context(), id)
			return err == nil && w.Progress.Delivered == int64(want)
		}
		require.Eventually(t, func() bool { return noted("good") && noted("flaky") }, 30*time.Second, 10*time.Millisecond)
		require.Empty(t, stuck.delivered())
		first := stop()
		require.Positive(t, first.Failed)

		// Another courier goes on where the first one was.
		want += busy(t, c, "n")
		close(release)
		stop = run(t, courier)
		require.Eventually(t, func() bool { return noted("good") && noted("flaky") && noted("stuck") }, 30*time.Second, 10*time.Millisecond)
		stop()
		// What was answered while the first courier stopped may have come twice, one after the other.
		require.Len(t, distinct(good.delivered()), want)
		for _, r := range []*receiver{good, flaky, stuck} {
			require.Equal(t, bodies(distinct(good.delivered())), bodies(slices.CompactFunc(r.delivered(), func(a, b got) bool { return a.id == b.id })), "the same in the same order")
		}
		for _, r := range []*receiver{good, flaky, stuck} {
			ids := map[string]string{}
			for _, g := range r.seen() {
				require.True(t, g.signed)
				if was, again := ids[g.id]; again {
					require.Equal(t, was, g.body, "an id stands for one notice")
				}
				ids[g.id] = g.body
			}
			require.Len(t, ids, want)
		}
		var told struct {
			Entity, Action, Timestamp string
			Data                      map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(good.delivered()[1].body), &told))
		require.Equal(t, "model_version created", told.Entity+" "+told.Action)
		require.Equal(t, map[string]any{"name": "m", "version": "1", "source": "s3://x", "run_id": "r", "tags": map[string]any{}, "description": nil}, told.Data)
		_, err := time.Parse("2006-01-02T15:04:05.000000+00:00", told.Timestamp)
		require.NoError(t, err)
		all, err := c.Webhooks(t.Context())
		require.NoError(t, err)
		for _, w := range all {
			require.Equal(t, int64(want), w.Progress.Delivered)
			require.Zero(t, w.Progress.Attempts)
			require.Empty(t, w.Progress.LastError)
		}
		_, err = c.VerifyEvents(t.Context())
		require.NoError(t, err)
		events, err := c.Events(t.Context(), catalog.EventFilter{SubjectPrefix: "webhook/"})
		require.NoError(t, err)
		require.Len(t, events, 3)
		for _, e := range events {
			require.NotContains(t, string(e.Detail), "terc3s", "no secret on the audit log, sealed or not")
		}
	})
}

func bodies(all []got) (out []string) {
	for _, g := range all {
		out = append(out, g.body)
	}
	return out
}

func distinct(all []got) (out []got) {
	seen := map[string]bool{}
	for _, g := range all {
		if !seen[g.id] {
			out = append(out, g)
		}
		seen[g.id] = true
	}
	return out
}

func TestDisabledIsPassedOver(t *testing.T) {
	t.Parallel()
	c := catalogtest.SQLite(t)
	courier := newCourier(t, c, "127.0.0.1")
	r := newReceiver(t, func(int, http.ResponseWriter, *http.Request) int { return 200 })
	hook(t, c, courier, "h", r.URL)
	off, on := false, true
	_, err := c.ChangeWebhook(t.Context(), "h", catalog.WebhookChange{Active: &off, Events: []string{webhook.VersionCreated}}, mark("off"))
	require.NoError(t, err)
	busy(t, c, "m")
	_, err = c.ChangeWebhook(t.Context(), "h", catalog.WebhookChange{Active: &on}, mark("on"))
	require.NoError(t, err)
	busy(t, c, "n")
	stop := run(t, courier)
	require.Eventually(t, func() bool {
		w, err := c.Webhook(t.Context(), "h")
		last, lastErr := c.LastEvent(t.Context())
		return err == nil && lastErr == nil && w.Progress.Cursor == last
	}, 30*time.Second, 10*time.Millisecond)
	stop()
	require.Len(t, r.delivered(), 3, "the versions of n, which is all it asked for since")
	for _, g := range r.delivered() {
		require.Contains(t, g.body, `"name":"n"`)
	}
	require.NoError(t, c.DeleteWebhook(t.Context(), "h", mark("gone")))
	_, err = c.Webhook(t.Context(), "h")
	require.ErrorIs(t, err, catalog.ErrNotFound)
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	c := catalogtest.SQLite(t)
	r := newReceiver(t, func(int, http.ResponseWriter, *http.Request) int { return 200 })
	closed, open := newCourier(t, c), newCourier(t, c, "127.0.0.1", "10.0.0.0/8")
	for _, url := range []string{
		"ftp://example.org", "file:///etc/passwd", "gopher://example.org", "http://", "http://user:secret@example.org", "http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3", "http://192.168.0.1",
		"http://169.254.169.254/latest/meta-data", "http://100.64.0.1", "http://0.0.0.0", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
		"http://[fe80::1]/", "http://[fd00::1]/", "http://224.0.0.1", "http://255.255.255.255", "http://192.0.2.1", "http://example.org/" + strings.Repeat("x", 2000), "::",
	} {
		err := closed.CheckURL(url)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, url := range []string{"https://example.org/hook?x=1", "http://8.8.8.8:8080/", "http://[2606:4700::1111]/"} {
		require.NoError(t, closed.CheckURL(url), url)
	}
	require.NoError(t, open.CheckURL(r.URL))
	require.NoError(t, open.CheckURL("http://10.9.8.7/"))
	require.Error(t, open.CheckURL("http://127.0.0.2/"))

	// A name is judged by what it resolves to when it is dialled.
	byName := strings.Replace(r.URL, "127.0.0.1", "localhost", 1)
	require.NoError(t, closed.CheckURL(byName))
	_, err := closed.Test(t.Context(), catalog.Webhook{ID: "x", URL: byName}, webhook.VersionCreated)
	require.ErrorContains(t, err, "not a public address")
	require.Empty(t, r.seen())
	// A redirect is an answer like any other, not a way in.
	inside := newReceiver(t, func(int, http.ResponseWriter, *http.Request) int { return 200 })
	elsewhere := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) int {
		w.Header().Set("Location", inside.URL)
		return 302
	})
	answer, err := open.Test(t.Context(), catalog.Webhook{ID: "x", URL: elsewhere.URL}, webhook.VersionCreated)
	require.Error(t, err)
	require.Equal(t, 302, answer.Status)
	require.Empty(t, inside.seen())
	for _, event := range webhook.Names() {
		answer, err = open.Test(t.Context(), catalog.Webhook{ID: "x", URL: inside.URL}, event)
		require.NoError(t, err)
		require.Equal(t, 200, answer.Status)
	}
	_, err = open.Test(t.Context(), catalog.Webhook{ID: "x", URL: inside.URL}, "model.exploded")
	require.ErrorContains(t, err, "no event")
	_, err = webhook.ParseNetworks([]string{"10.0.0.0/8", "x"})
	require.ErrorContains(t, err, `"x"`)
}

// TestSignature compares with what MLflow's own _generate_hmac_signature gives.
func TestSignature(t *testing.T) {
	t.Parallel()
	got := webhook.Sign([]byte("s3cret"), "0b6f2f0e-1d5a-4f6e-9a3e-5a8d3f1c2b4d", time.Unix(1767312000, 0), []byte(`{"entity": "model_version"}`))
	require.Equal(t, "v1,03FXG/K7Oc5sJ0aS+qwFLMLJVbajveyjyUkxDrsrixI=", got)
}

func TestSealedSecretNeedsItsKeeper(t *testing.T) {
	t.Parallel()
	c := catalogtest.SQLite(t)
	courier, err := webhook.New(webhook.Config{Catalog: c, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.NoError(t, err)
	_, err = courier.Test(t.Context(), catalog.Webhook{ID: "x", URL: "http://127.0.0.1:1", Secret: []byte("terc3s"), Sealed: true}, webhook.VersionCreated)
	require.ErrorContains(t, err, "SLIPWAY_ENCRYPTION_KEY")
	_, err = webhook.New(webhook.Config{})
	require.ErrorContains(t, err, "Catalog")
	_, err = webhook.New(webhook.Config{Catalog: c, Poll: -1})
	require.ErrorContains(t, err, "Poll")
}

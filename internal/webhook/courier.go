package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	neturl "net/url"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// Keeper encrypts secrets at rest; *secrets.Keeper of gocloud.dev is one.
type Keeper interface {
	Encrypt(ctx context.Context, plaintext []byte) ([]byte, error)
	Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
}

// Config is what a Courier needs.
type Config struct {
	// Catalog is required.
	Catalog *catalog.Catalog
	// Keeper seals secrets; nil: they are stored as they are.
	Keeper Keeper
	// Networks may be told although they are not public.
	Networks []netip.Prefix
	// Timeout bounds one request; 0: 10 s.
	Timeout time.Duration
	// FirstRetry is the pause after a first failure, which doubles up to MaxRetry; 0: 1 s and 10 min.
	FirstRetry, MaxRetry time.Duration
	// Poll is how often the catalog is asked for new events; 0: 500 ms.
	Poll time.Duration
	// Log takes failures of deliveries; nil: slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for field, otherwise := range map[*time.Duration]time.Duration{
		&c.Timeout: 10 * time.Second, &c.FirstRetry: time.Second, &c.MaxRetry: 10 * time.Minute, &c.Poll: 500 * time.Millisecond,
	} {
		if *field == 0 {
			*field = otherwise
		}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil:
		return errors.New("webhook: Catalog is missing")
	case c.Timeout < 0 || c.FirstRetry < 0 || c.MaxRetry < c.FirstRetry || c.Poll < 0:
		return fmt.Errorf("webhook: Timeout %s, FirstRetry %s, MaxRetry %s, Poll %s: want positive, MaxRetry at least FirstRetry", c.Timeout, c.FirstRetry, c.MaxRetry, c.Poll)
	}
	return nil
}

// Courier delivers registry events to webhooks.
type Courier struct {
	cfg   Config
	guard guard
	http  *http.Client
}

// New makes a courier; its errors name the field of Config that is wrong.
func New(cfg Config) (*Courier, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	g := guard{allowed: cfg.Networks}
	return &Courier{cfg: cfg, guard: g, http: &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{
			// No proxy: the guard would judge the proxy's address, not the receiver's.
			Proxy:                  nil,
			DialContext:            g.dialer(cfg.Timeout).DialContext,
			TLSHandshakeTimeout:    cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CheckURL refuses an address that no delivery could or should go to.
func (c *Courier) CheckURL(url string) error { return c.guard.checkURL(url) }

// Seal makes a secret ready to be stored; sealed tells that a keeper encrypted it.
func (c *Courier) Seal(ctx context.Context, secret string) (stored []byte, sealed bool, err error) {
	if c.cfg.Keeper == nil || secret == "" {
		return []byte(secret), false, nil
	}
	stored, err = c.cfg.Keeper.Encrypt(ctx, []byte(secret))
	if err != nil {
		return nil, false, fmt.Errorf("seal the webhook's secret: %w", err)
	}
	return stored, true, nil
}

func (c *Courier) secret(ctx context.Context, w catalog.Webhook) ([]byte, error) {
	if !w.Sealed {
		return w.Secret, nil
	}
	if c.cfg.Keeper == nil {
		return nil, errors.New("the secret is encrypted and this process has no key: set SLIPWAY_ENCRYPTION_KEY")
	}
	plain, err := c.cfg.Keeper.Decrypt(ctx, w.Secret)
	if err != nil {
		return nil, fmt.Errorf("open the webhook's secret: %w", err)
	}
	return plain, nil
}

// Answer is what a receiver said.
type Answer struct {
	Status int
	// Body is its beginning, at most 4 KiB.
	Body string
	// After is how long the receiver asks to wait before another attempt.
	After time.Duration
}

// maxBody bounds what is read of an answer.
const maxBody = 4 << 10

// send makes one attempt. An answer that is not 2xx is an error too.
func (c *Courier) send(ctx context.Context, w catalog.Webhook, id string, body []byte) (Answer, error) {
	if err := c.CheckURL(w.URL); err != nil {
		return Answer{}, err
	}
	secret, err := c.secret(ctx, w)
	if err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("deliver to webhook %s: %w", w.ID, err)
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderDelivery, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if len(secret) > 0 {
		req.Header.Set(HeaderSignature, Sign(secret, id, now, body))
	}
	answer, err := c.http.Do(req)
	if err != nil {
		// Without the URL: it may hold a token.
		var of *neturl.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return Answer{}, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody)) // what came of it is enough: the status decides
	out := Answer{Status: answer.StatusCode, Body: string(said)}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		out.After = time.Duration(seconds) * time.Second
	}
	if answer.StatusCode/100 != 2 {
		return out, fmt.Errorf("the receiver answers %s", answer.Status)
	}
	return out, nil
}

// Test sends an example of an event, once. It changes nothing.
func (c *Courier) Test(ctx context.Context, w catalog.Webhook, event string) (Answer, error) {
	n, err := Example(event)
	if err != nil {
		return Answer{}, err
	}
	now := time.Now()
	body, err := payload(n, now)
	if err != nil {
		return Answer{}, err
	}
	return c.send(ctx, w, deliveryID(w.ID+"/test", now.UnixMicro(), 0), body)
}

package mlflow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
	"github.com/slipway-ml/slipway/internal/webhook"
)

func (a *API) webhookEndpoints() []endpoint {
	return []endpoint{
		rpc(http.MethodPost, "webhooks", a.createWebhook),
		rpc(http.MethodGet, "webhooks", a.listWebhooks),
		rpc(http.MethodGet, "webhooks/{webhook_id}", a.getWebhook),
		rpc(http.MethodPatch, "webhooks/{webhook_id}", a.updateWebhook),
		rpc(http.MethodDelete, "webhooks/{webhook_id}", a.deleteWebhook),
		rpc(http.MethodPost, "webhooks/{webhook_id}/test", a.testWebhook),
	}
}

// webhookEvent is an event as the protocol names it: enums in upper case.
type webhookEvent struct {
	Entity string `json:"entity"`
	Action string `json:"action"`
}

// shownWebhook is a webhook as it goes out; the secret never does.
type shownWebhook struct {
	ID          string         `json:"webhook_id"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	URL         string         `json:"url"`
	Events      []webhookEvent `json:"events"`
	Status      string         `json:"status"`
	CreatedAt   int64          `json:"creation_timestamp"`
	UpdatedAt   int64          `json:"last_updated_timestamp"`
}

const (
	webhookActive   = "ACTIVE"
	webhookDisabled = "DISABLED"
)

func shown(w catalog.Webhook) shownWebhook {
	out := shownWebhook{ID: w.ID, Name: w.Name, Description: w.Description, URL: w.URL, Status: webhookDisabled, CreatedAt: w.CreatedAt.UnixMilli(), UpdatedAt: w.UpdatedAt.UnixMilli()}
	if w.Active {
		out.Status = webhookActive
	}
	events := ofMLflow(w)
	if len(events) == 0 {
		events = w.Events
	}
	for _, name := range events {
		entity, action, _ := strings.Cut(name, ".")
		out.Events = append(out.Events, webhookEvent{strings.ToUpper(entity), strings.ToUpper(action)})
	}
	return out
}

// ofMLflow are the events of a webhook that stock clients know: any other would keep
// them from reading a list of webhooks.
func ofMLflow(w catalog.Webhook) []string {
	return slices.DeleteFunc(slices.Clone(w.Events), func(name string) bool { return !slices.Contains(webhook.OfMLflow(), name) })
}

type webhookAnswer struct {
	Webhook shownWebhook `json:"webhook"`
}

type webhookRequest struct {
	ID          string         `path:"webhook_id" json:"-"`
	Name        *string        `json:"name"`
	Description *string        `json:"description"`
	URL         *string        `json:"url"`
	Events      []webhookEvent `json:"events"`
	Secret      *string        `json:"secret"`
	Status      *string        `json:"status"`
}

var validWebhookName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._\-]{0,61}[a-zA-Z0-9])?$`)

const (
	maxDescription = 5000
	maxSecret      = 1000
)

// change reads what a request says; what it does not say is nil.
func (a *API) change(ctx context.Context, in *webhookRequest) (catalog.WebhookChange, error) {
	change := catalog.WebhookChange{Name: in.Name, Description: in.Description, URL: in.URL}
	if in.Name != nil && !validWebhookName.MatchString(*in.Name) {
		return change, fail(InvalidParameterValue, "Webhook name '%s' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).", clip(*in.Name))
	}
	if in.Description != nil {
		if err := within("description", *in.Description, maxDescription); err != nil {
			return change, err
		}
	}
	if in.URL != nil {
		if err := a.cfg.Webhooks.CheckURL(*in.URL); err != nil {
			return change, fail(InvalidParameterValue, "%v", err)
		}
	}
	for _, e := range in.Events {
		name, err := eventName(e)
		if err != nil {
			return change, err
		}
		if !slices.Contains(change.Events, name) {
			change.Events = append(change.Events, name)
		}
	}
	if in.Status != nil {
		active := *in.Status == webhookActive
		if !active && *in.Status != webhookDisabled {
			return change, fail(InvalidParameterValue, "Invalid webhook status '%s': want ACTIVE or DISABLED", clip(*in.Status))
		}
		change.Active = &active
	}
	if in.Secret != nil {
		if err := within("secret", *in.Secret, maxSecret); err != nil {
			return change, err
		}
		var err error
		change.Secret, change.Sealed, err = a.cfg.Webhooks.Seal(ctx, *in.Secret)
		return change, err
	}
	return change, nil
}

func eventName(e webhookEvent) (string, error) {
	name := strings.ToLower(e.Entity) + "." + strings.ToLower(e.Action)
	if !slices.Contains(webhook.Names(), name) {
		return "", fail(InvalidParameterValue, "Invalid webhook event '%s': what is sent here is %s", clip(name), strings.Join(webhook.Names(), ", "))
	}
	return name, nil
}

func (a *API) createWebhook(ctx context.Context, in *webhookRequest) (webhookAnswer, error) {
	if in.Name == nil || in.URL == nil || len(in.Events) == 0 {
		return webhookAnswer{}, required("name", or(in.Name), "url", or(in.URL), "events", strings.Repeat("x", len(in.Events)))
	}
	change, err := a.change(ctx, in)
	if err != nil {
		return webhookAnswer{}, err
	}
	w := catalog.Webhook{ID: newWebhookID(), Name: *in.Name, URL: *in.URL, Description: or(in.Description), Events: change.Events,
		Secret: change.Secret, Sealed: change.Sealed, Active: change.Active == nil || *change.Active}
	made, err := a.cfg.Catalog.CreateWebhook(ctx, w, mark(ctx, reasonRegistry))
	return webhookAnswer{shown(made)}, err
}

// newWebhookID is a random UUID (RFC 9562, version 4), as MLflow's are.
func newWebhookID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func or(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

type listWebhooksRequest struct {
	MaxResults *integer `json:"max_results"`
	PageToken  string   `json:"page_token"`
}

type webhooksAnswer struct {
	Webhooks []shownWebhook `json:"webhooks,omitempty"`
	Next     string         `json:"next_page_token,omitempty"`
}

// listWebhooks pages by the id of the last one; there are never many. Those that are told
// of nothing that MLflow has are left out: GET /api/v1/webhooks shows them.
func (a *API) listWebhooks(ctx context.Context, in *listWebhooksRequest) (webhooksAnswer, error) {
	limit, err := checkPage(in.MaxResults, 100, 1000)
	if err != nil {
		return webhooksAnswer{}, err
	}
	var after string
	paged, err := readToken(in.PageToken, "webhooks", &after)
	if err != nil {
		return webhooksAnswer{}, err
	}
	all, err := a.cfg.Catalog.Webhooks(ctx)
	if err != nil {
		return webhooksAnswer{}, err
	}
	all = slices.DeleteFunc(all, func(w catalog.Webhook) bool { return len(ofMLflow(w)) == 0 })
	if paged {
		all = all[slices.IndexFunc(all, func(w catalog.Webhook) bool { return w.ID == after })+1:]
	}
	var out webhooksAnswer
	for _, w := range all[:min(len(all), limit)] {
		out.Webhooks = append(out.Webhooks, shown(w))
	}
	if len(all) > limit {
		out.Next, err = nextToken("webhooks", all[limit-1].ID)
	}
	return out, err
}

type webhookID struct {
	ID string `path:"webhook_id" json:"-"`
}

func unknownWebhook(id string, err error) error {
	if errors.Is(err, catalog.ErrNotFound) {
		return fail(DoesNotExist, "Webhook with ID %s not found.", clip(id))
	}
	return err
}

func (a *API) getWebhook(ctx context.Context, in *webhookID) (webhookAnswer, error) {
	w, err := a.cfg.Catalog.Webhook(ctx, in.ID)
	return webhookAnswer{shown(w)}, unknownWebhook(in.ID, err)
}

func (a *API) updateWebhook(ctx context.Context, in *webhookRequest) (webhookAnswer, error) {
	change, err := a.change(ctx, in)
	if err != nil {
		return webhookAnswer{}, err
	}
	w, err := a.cfg.Catalog.ChangeWebhook(ctx, in.ID, change, mark(ctx, reasonRegistry))
	return webhookAnswer{shown(w)}, unknownWebhook(in.ID, err)
}

func (a *API) deleteWebhook(ctx context.Context, in *webhookID) (empty, error) {
	return empty{}, unknownWebhook(in.ID, a.cfg.Catalog.DeleteWebhook(ctx, in.ID, mark(ctx, reasonRegistry)))
}

type testWebhookRequest struct {
	ID    string        `path:"webhook_id" json:"-"`
	Event *webhookEvent `json:"event"`
}

type testWebhookAnswer struct {
	Result testResult `json:"result"`
}

type testResult struct {
	Success bool   `json:"success"`
	Status  int    `json:"response_status,omitempty"`
	Body    string `json:"response_body,omitempty"`
	Error   string `json:"error_message,omitempty"`
}

// testWebhook sends an example at once, by this process; what comes of it is the answer.
func (a *API) testWebhook(ctx context.Context, in *testWebhookRequest) (testWebhookAnswer, error) {
	w, err := a.cfg.Catalog.Webhook(ctx, in.ID)
	if err != nil {
		return testWebhookAnswer{}, unknownWebhook(in.ID, err)
	}
	name := w.Events[0]
	if in.Event != nil {
		if name, err = eventName(*in.Event); err != nil {
			return testWebhookAnswer{}, err
		}
	}
	answer, err := a.cfg.Webhooks.Test(ctx, w, name)
	out := testResult{Success: err == nil, Status: answer.Status, Body: strings.ToValidUTF8(answer.Body, "\uFFFD")}
	if err != nil && answer.Status == 0 {
		out.Error = fmt.Sprintf("Failed to test webhook: %v", err)
	}
	return testWebhookAnswer{out}, nil
}

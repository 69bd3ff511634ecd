package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/stack"
)

// dialPatience bounds how long a command waits for Temporal to answer first.
const dialPatience = 10 * time.Second

// stack reads where the running Slipway of the state folder is.
func (a *app) stack() (stack.Stack, error) {
	state := a.setting(a.options.State, "SLIPWAY_STATE")
	if state == "" {
		state = stack.DefaultState
	}
	return stack.Read(state)
}

// address is that of one part: flag, environment, state folder.
func (a *app) address(part, flag, variable string, of func(stack.Stack) string) (string, error) {
	if found := a.setting(flag, variable); found != "" {
		return found, nil
	}
	s, err := a.stack()
	if err != nil {
		return "", err
	}
	if of(s) == "" {
		return "", fmt.Errorf("the running Slipway has no %s: name one with --%s or %s", part, part, variable)
	}
	return of(s), nil
}

func (a *app) control() (*controlclient.Client, error) {
	address, err := a.address("control", a.options.Control, "SLIPWAY_CONTROL", func(s stack.Stack) string { return s.Control })
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	return controlclient.New(address, token)
}

func (a *app) gateway() (string, error) {
	return a.address("gateway", a.options.Gateway, "SLIPWAY_GATEWAY", func(s stack.Stack) string { return s.GatewayHTTP })
}

// token is what the control API and the gateway may ask for; empty without a token file.
func (a *app) token() (string, error) {
	file := a.setting(a.options.TokenFile, "SLIPWAY_TOKEN_FILE")
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// temporalOptions finds Temporal: a named one by the configuration that the
// temporal CLI reads too, else that of the state folder, else what the configuration says.
func (a *app) temporalOptions() (client.Options, error) {
	address := a.setting(a.options.Temporal, "TEMPORAL_ADDRESS")
	namespace := a.setting(a.options.Namespace, "TEMPORAL_NAMESPACE")
	var absent error
	if address == "" {
		s, err := a.stack()
		if err == nil && s.Temporal != "" {
			return client.Options{HostPort: s.Temporal, Namespace: namespace}, nil // on loopback: no TLS, whatever a profile says
		}
		if err != nil && !errors.Is(err, stack.ErrNotRunning) {
			return client.Options{}, err
		}
		absent = err
	}
	o, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{})
	if err != nil {
		return o, fmt.Errorf("temporal configuration: %w", err)
	}
	if address != "" {
		o.HostPort = address
	}
	if namespace != "" {
		o.Namespace = namespace
	}
	if o.HostPort == "" && absent != nil {
		return o, absent
	}
	return o, nil
}

// temporal connects; the caller closes the client.
func (a *app) temporal(ctx context.Context) (client.Client, error) {
	o, err := a.temporalOptions()
	if err != nil {
		return nil, err
	}
	o.Logger = quiet{}
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("no Temporal answers at %s: start slipwayd, or name another with --temporal: %w", o.HostPort, err)
	}
	return c, nil
}

// withTemporal connects for as long as use takes.
func (a *app) withTemporal(ctx context.Context, use func(client.Client) error) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return use(c)
}

// quiet drops the SDK's log lines: what matters comes back as an error.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

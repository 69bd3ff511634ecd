package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/slipway-ml/slipway/internal/contract"
)

var describeDefault = &workflowservice.DescribeNamespaceRequest{Namespace: client.DefaultNamespace}

// quiet drops the SDK's log lines of probes.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// temporalOptions reads the configuration that the temporal CLI reads, and puts our flags over it.
func (c *config) temporalOptions(log *slog.Logger) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("temporal configuration: %w", err)
	}
	if c.TemporalAddress != "" {
		o.HostPort = c.TemporalAddress
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	if c.Namespace != "" {
		o.Namespace = c.Namespace
	}
	o.Logger = sdklog.NewStructuredLogger(log)
	return o, nil
}

// dialTemporal connects, however long the server takes to come up.
func dialTemporal(ctx context.Context, o client.Options, log *slog.Logger) (client.Client, error) {
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		c, err := client.DialContext(ctx, o)
		if err == nil {
			if err = ensureAttributes(ctx, c, o.Namespace); err == nil {
				return c, nil
			}
			c.Close()
		}
		log.Warn("Temporal can't be used yet; trying again", "address", o.HostPort, "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// ensureAttributes makes Slipway's search attributes where they are missing.
func ensureAttributes(ctx context.Context, c client.Client, namespace string) error {
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	operator := c.OperatorService()
	have, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list search attributes: %w", err)
	}
	missing := map[string]enums.IndexedValueType{}
	for _, name := range []string{contract.AttributeModel, contract.AttributeVersion, contract.AttributeStage} {
		if _, ok := have.GetCustomAttributes()[name]; !ok {
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return nil
}

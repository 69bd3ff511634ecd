package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/slipway-ml/slipway/activities"
	"github.com/slipway-ml/slipway/internal/batch"
	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/mlflow"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/workflows"
)

// stopTimeout lets running activities end at shutdown.
const stopTimeout = 60 * time.Second

// heartbeatEvery is the least time between two heartbeats of an activity.
const heartbeatEvery = 2 * time.Second

// workerRoles are the roles that poll a task queue.
func workerRoles(roles []string) []string {
	var out []string
	for _, r := range roles {
		if r != roleGateway {
			out = append(out, r)
		}
	}
	return out
}

// workers polls the queues of the roles until ctx ends. A lost connection is
// the SDK's to mend; a worker that gives up (its namespace vanished) is built anew.
func (p *platform) workers(ctx context.Context, roles []string, up func()) error {
	options, err := p.cfg.temporalOptions(p.log)
	if err != nil {
		return err
	}
	if p.cfg.AllowUnverified && !loopback(options.HostPort) {
		return fmt.Errorf("--allow-unverified is for loopback only, and Temporal is at %s: give the approvers keys in the release spec instead", options.HostPort)
	}
	models, err := p.runtime()
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := dialTemporal(ctx, options, p.log)
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		}
		announce := up
		if !first {
			announce = func() {}
		}
		err = p.poll(ctx, c, models, roles, announce)
		c.Close()
		if err == nil {
			return nil
		}
		p.log.Error("workers stopped; starting them again", "error", err)
	}
}

// poll runs one worker per role until ctx ends or one of them dies.
func (p *platform) poll(ctx context.Context, c client.Client, models serving.Runtime, roles []string, up func()) (err error) {
	died := make(chan error, len(roles))
	// At most as many as there can be shards at work, see workerOptions.
	shards := batch.NewPool(batch.PoolConfig{Load: batch.Loader{Config: p.cfg.modelServer(p.log), Programs: p.cfg.programs}.Load, Most: runtime.NumCPU()})
	defer func() { err = errors.Join(err, shards.Close()) }()
	set := p.activities(c, models, shards)
	var started []worker.Worker
	defer func() {
		for _, w := range started {
			w.Stop()
		}
	}()
	for _, role := range roles {
		w := worker.New(c, queueOf(role), p.workerOptions(role, func(err error) { died <- err }))
		switch role {
		case roleControl:
			workflows.Register(w)
			activities.Register(w, set.Control())
		case roleCompute:
			activities.Register(w, set.Compute())
		case roleGPU:
			activities.Register(w, set.GPU())
		}
		if err := w.Start(); err != nil {
			return fmt.Errorf("start %s worker: %w", role, err)
		}
		started = append(started, w)
	}
	up()
	if slices.Contains(roles, roleControl) {
		starting, stop := context.WithCancel(ctx)
		defer stop()
		go p.keepTrying(starting, "deliveries to webhooks", func() error {
			return startDeliveries(starting, c, contract.ConsumerWebhooks, "tells webhooks of registry events")
		})
		if p.mirror != nil {
			go p.keepTrying(starting, "the mirror of runs", func() error {
				if err := p.startMirror(starting); err != nil {
					return err
				}
				return startDeliveries(starting, c, contract.ConsumerMirror, "writes runs to another tracking server too")
			})
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-died:
		return err
	}
}

// keepTrying does what must be done once after a start, however long it takes.
func (p *platform) keepTrying(ctx context.Context, what string, do func() error) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.Warn(what+" can't be started yet; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// startDeliveries makes sure that the workflow that delivers to a consumer runs:
// one for the whole deployment, whoever starts it first.
func startDeliveries(ctx context.Context, c client.Client, consumer, summary string) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: contract.DeliverID(consumer), TaskQueue: contract.QueueControl,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            summary,
	}, contract.WorkflowDeliver, contract.DeliverInput{Consumer: consumer})
	return err
}

func queueOf(role string) string {
	return map[string]string{roleControl: contract.QueueControl, roleCompute: contract.QueueCompute, roleGPU: contract.QueueGPU}[role]
}

func (p *platform) workerOptions(role string, fatal func(error)) worker.Options {
	o := worker.Options{
		DisableRegistrationAliasing: true,
		WorkerStopTimeout:           stopTimeout,
		Interceptors:                []interceptor.WorkerInterceptor{&activities.Interceptor{}},
		OnFatalError:                fatal,
	}
	if role != roleControl { // progress is seen, and a cancellation heard of, soon after it happens
		o.MaxHeartbeatThrottleInterval = heartbeatEvery
	}
	switch role {
	case roleCompute:
		o.MaxConcurrentActivityExecutionSize = runtime.NumCPU()
		o.DisableWorkflowWorker = true
	case roleGPU:
		o.MaxConcurrentActivityExecutionSize = 1 // one activity per device
		o.DisableWorkflowWorker = true
	}
	return o
}

func (p *platform) activities(c client.Client, models serving.Runtime, shards *batch.Pool) activities.Set {
	server := &activities.Temporal{Client: c}
	runs := &activities.RunLog{Store: p.store, Files: &mlflow.Files{Catalog: p.catalog, Repository: p.tracked}}
	return activities.Set{
		Data: &activities.Data{Library: p.data, MaskKey: p.maskKey},
		ModelTests: &activities.ModelTests{
			Store: p.store, Library: p.data, Device: onnx.Device(p.cfg.Device), Programs: p.testRuntime, MaxTestBytes: int64(p.cfg.MaxTestMB) << 20,
			Runs: runs, Catalog: p.catalog,
		},
		Registry:   &activities.Registry{Catalog: p.catalog, Executions: server, AllowUnverified: p.cfg.AllowUnverified},
		Compliance: &activities.Compliance{Catalog: p.catalog, Store: p.store},
		Deploy:     &activities.Deploy{Catalog: p.catalog, Alive: 10 * time.Second, Poll: 250 * time.Millisecond},
		Warm:       &activities.Warm{Store: p.store, Library: p.data, Runtime: models},
		Drift:      &activities.Drift{Catalog: p.catalog, Store: p.store, Library: p.data},
		Datasets:   &activities.Datasets{Library: p.data, ImportRoot: p.cfg.ImportRoot, ExportRoot: p.cfg.ExportRoot, MaskKey: p.maskKey},
		Temporal:   server,
		Notify:     &activities.Notify{Log: p.log},
		Deliver:    &activities.Deliver{Catalog: p.catalog, Webhooks: p.courier, Mirror: p.mirror},
		Batch:      &activities.Batch{Library: p.data, Models: shards, MaskKey: p.maskKey, Runs: runs},
	}
}

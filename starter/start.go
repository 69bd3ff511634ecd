package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/slipway-ml/slipway/internal/contract"
	"github.com/slipway-ml/slipway/internal/control/controlclient"
	"github.com/slipway-ml/slipway/internal/spec"
)

// StartOptions are the flags of release start.
type StartOptions struct {
	File   string
	Watch  bool
	DryRun bool
}

func startCommand(a *app) *cobra.Command {
	var o StartOptions
	cmd := &cobra.Command{
		Use:   "start -f FILE",
		Short: "Start a release: upload its files, start its workflow",
		Long: `Checks the spec, uploads the files that are not stored yet, and starts the
workflow release/MODEL/VERSION. Tables are kept in the chunks of the data
repository, as 'slipway data add' keeps them; with data.version in the spec they
are files of a stored data version and nothing of them is uploaded. One model has one release at a time: a second is
refused (exit code 3). A release that ended anywhere but in production can be started again.

With --dry-run the files are uploaded and nothing is started; -o json prints the
workflow's input, for the plain temporal CLI:

  slipway release start -f release.yaml --dry-run -o json > input.json
  temporal workflow start --type slipway.Release --task-queue slipway \
    --workflow-id release/credit-risk/1.1.0 --input-file input.json \
    --id-reuse-policy AllowDuplicateFailedOnly`,
		Example: `  slipway release start -f release.yaml
  slipway release start -f release.yaml --watch`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runStart(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.File, "file", "f", "", "release spec")
	cmd.Flags().BoolVar(&o.Watch, "watch", false, "watch the release to its end; the exit code tells how it ended")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "upload the files and show the workflow's input, start nothing")
	return cmd
}

func (a *app) runStart(ctx context.Context, o StartOptions) error {
	switch {
	case o.File == "":
		return usagef("-f is missing: name the release spec")
	case o.DryRun && o.Watch:
		return usagef("--dry-run starts nothing that --watch could watch")
	}
	release, err := loadSpec(o.File)
	if err != nil {
		return err
	}
	by, err := a.user()
	if err != nil {
		return err
	}
	api, err := a.control()
	if err != nil {
		return err
	}
	if !o.DryRun {
		if err := refuse(ctx, api, release); err != nil {
			return err
		}
	}
	if err := resolve(ctx, api, o.File, &release); err != nil {
		return err
	}
	if err := a.upload(ctx, api, o.File, &release); err != nil {
		return err
	}
	in := contract.ReleaseInput{Spec: release, RequestedBy: by}
	if o.DryRun {
		return a.printInput(in)
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	run, err := start(ctx, c, in)
	if err != nil {
		return err
	}
	if err := a.printStarted(ctx, api, run); err != nil || !o.Watch {
		return err
	}
	return a.watch(ctx, c, releaseName{release.Model.Name, release.Model.Version}, run.GetRunID())
}

// refuse ends the start while another version of the model is under way. The
// release's own claim in the catalog is what counts; this only says it sooner.
func refuse(ctx context.Context, api *controlclient.Client, r spec.Release) error {
	active, err := api.Releases(ctx, controlclient.ReleaseFilter{Model: r.Model.Name, Active: true})
	if err != nil {
		return err
	}
	for _, other := range active {
		if other.Version != r.Model.Version {
			name := releaseName{other.Model, other.Version}
			return exitError{codeStopped, fmt.Errorf("%s by %s is under way since %s, and a model has one release at a time: wait for it (slipway release watch %s) or abort it, then start %s again",
				name.id(), other.RequestedBy, when(other.CreatedAt), name, r.ID())}
		}
	}
	return nil
}

func start(ctx context.Context, c client.Client, in contract.ReleaseInput) (client.WorkflowRun, error) {
	m := in.Spec.Model
	name := releaseName{m.Name, m.Version}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       name.id(),
		TaskQueue:                                contract.QueueControl,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.AttributeModel).ValueSet(m.Name),
			temporal.NewSearchAttributeKeyKeyword(contract.AttributeVersion).ValueSet(m.Version),
			temporal.NewSearchAttributeKeyKeyword(contract.AttributeStage).ValueSet("start"),
		),
		StaticSummary: summary(in),
		StaticDetails: details(in),
	}, contract.WorkflowRelease, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &started):
		return nil, alreadyStarted(ctx, c, name)
	case err != nil:
		return nil, fmt.Errorf("start release %s: %w", name, err)
	}
	return run, nil
}

// alreadyStarted says why a release can't start: it is running, or it has reached production.
func alreadyStarted(ctx context.Context, c client.Client, name releaseName) error {
	found, err := c.DescribeWorkflowExecution(ctx, name.id(), "")
	if err != nil {
		return fmt.Errorf("release %s has been started before: slipway release show %s", name, name)
	}
	if found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return fmt.Errorf("release %s is already running: slipway release watch %s", name, name)
	}
	return fmt.Errorf("release %s is already in production, or was: a version is released once; give the next model another version", name)
}

// maxSummary is what Temporal takes as a summary, in bytes.
const maxSummary = 400

func summary(in contract.ReleaseInput) string {
	m := in.Spec.Model
	text := fmt.Sprintf("%s %s for %s", m.Name, m.Version, in.RequestedBy)
	if m.Description != "" {
		text += ": " + m.Description
	}
	return shorten(text)
}

// shorten makes a summary of text.
func shorten(text string) string {
	if text = clean(text); len(text) > maxSummary {
		text = strings.ToValidUTF8(text[:maxSummary-3], "") + "…"
	}
	return text
}

// details lists what is released, as Markdown for Temporal's UI.
func details(in contract.ReleaseInput) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Requested by %s.\n\n| file | digest |\n| --- | --- |\n", clean(in.RequestedBy))
	row := func(field string, f *spec.File) error {
		if b.Len() < 15000 { // Temporal takes 20,000 bytes
			fmt.Fprintf(&b, "| %s | `%s` |\n", clean(field), f.Digest)
		}
		return nil
	}
	_ = in.Spec.EachFile(row) // row returns no error
	if in.Spec.Data.Version != "" {
		fmt.Fprintf(&b, "| data.version | `%s` |\n", clean(in.Spec.Data.Version))
		for _, t := range in.Spec.Data.Tables() {
			_ = row(t.Field, t.File)
		}
	}
	return b.String()
}

func (a *app) printInput(in contract.ReleaseInput) error {
	if a.json() {
		return a.printJSON(in)
	}
	id := releaseName{in.Spec.Model.Name, in.Spec.Model.Version}.id()
	fmt.Fprintf(a.stdout, "Not started. The files are stored; -o json prints the input of\n\n  temporal workflow start --type %s --task-queue %s --workflow-id %s \\\n    --input-file input.json --id-reuse-policy AllowDuplicateFailedOnly\n",
		contract.WorkflowRelease, contract.QueueControl, id)
	return nil
}

func (a *app) printStarted(ctx context.Context, api *controlclient.Client, run client.WorkflowRun) error {
	name, err := parseName(run.GetID())
	if err != nil {
		return err
	}
	page := api.URL("releases", name.model, name.version)
	if a.json() {
		return a.printLine(map[string]string{"release": name.String(), "workflow_id": run.GetID(), "run_id": run.GetRunID(), "page": page})
	}
	fmt.Fprintf(a.stdout, "started release %s\n", name)
	pairs(a.stdout, "  watch", "slipway release watch "+name.String(), "  page", page, "  workflow", workflowPage(ctx, api, run.GetID()))
	return nil
}

// workflowPage is the workflow's page in Temporal's UI; empty where there is none to be found.
func workflowPage(ctx context.Context, api *controlclient.Client, id string) string {
	info, err := api.Info(ctx)
	if err != nil || info.UI == "" {
		return ""
	}
	return strings.TrimSuffix(info.UI, "/") + "/namespaces/" + url.PathEscape(info.Namespace) + "/workflows/" + url.PathEscape(id)
}

package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Register makes all workflows known to a worker or a replayer under their names of the contract.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(Release, workflow.RegisterOptions{Name: contract.WorkflowRelease})
	r.RegisterWorkflowWithOptions(Compliance, workflow.RegisterOptions{Name: contract.WorkflowCompliance})
	r.RegisterWorkflowWithOptions(Canary, workflow.RegisterOptions{Name: contract.WorkflowCanary})
	r.RegisterWorkflowWithOptions(Monitor, workflow.RegisterOptions{Name: contract.WorkflowMonitor})
	r.RegisterWorkflowWithOptions(Deliver, workflow.RegisterOptions{Name: contract.WorkflowDeliver})
	r.RegisterWorkflowWithOptions(Batch, workflow.RegisterOptions{Name: contract.WorkflowBatch})
}

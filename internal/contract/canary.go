package contract

import "github.com/slipway-ml/slipway/internal/spec"

// CanaryInput starts the Canary child of a release.
type CanaryInput struct {
	Key             Key            `json:"key"`
	RequestedBy     string         `json:"requested_by"`
	Candidate       string         `json:"candidate"`
	Production      string         `json:"production,omitempty"`
	Canary          spec.Canary    `json:"canary"`
	Approvals       spec.Approvals `json:"approvals"`
	AllowUnverified bool           `json:"allow_unverified"`
	Model           spec.Model     `json:"model"`
	Data            spec.Data      `json:"data"`
	// Counted are the ids of messages that have counted for the release before: they count once.
	Counted []string `json:"counted,omitempty"`
	// Resume carries the state over a continue-as-new; nil at the start.
	Resume *CanaryState `json:"resume,omitempty"`
}

// CanaryState is all that a canary knows between two looks.
type CanaryState struct {
	Status   CanaryStatus `json:"status"`
	FirstRev int64        `json:"first_rev"`
	// WatchedMS is how long the current step has been watched, pauses left out.
	WatchedMS int64 `json:"watched_ms"`
	Paused    bool  `json:"paused"`
	Seq       int   `json:"seq"` // messages recorded
}

// CanaryPhase is where a canary stands.
type CanaryPhase string

// Canary phases.
const (
	CanaryWarming    CanaryPhase = "warming"
	CanaryStepping   CanaryPhase = "stepping"
	CanaryHolding    CanaryPhase = "holding" // the step's time is over, samples are missing
	CanaryPaused     CanaryPhase = "paused"
	CanaryPromoting  CanaryPhase = "promoting"
	CanaryPromoted   CanaryPhase = "promoted"
	CanaryRolledBack CanaryPhase = "rolled_back"
)

// CanaryStatus answers the status query of Canary, and is its result.
type CanaryStatus struct {
	Phase    CanaryPhase `json:"phase"`
	Outcome  Outcome     `json:"outcome"`
	Reason   string      `json:"reason,omitempty"`
	Step     int         `json:"step"` // 1-based; 0 while warming
	Steps    int         `json:"steps"`
	Permille int         `json:"permille"`
	RouteRev int64       `json:"route_rev"`
	Last     *Analysis   `json:"last,omitempty"`
	Looks    int         `json:"looks"`
	Messages []Message   `json:"messages,omitempty"`
}

// StageInput puts the candidate beside production with no traffic.
type StageInput struct {
	Key    Key    `json:"key"`
	Digest string `json:"digest"`
	By     string `json:"by"`
}

// RouteOutput is the route after a move. Rev fences later moves.
type RouteOutput struct {
	Rev int64 `json:"rev"`
	// Stable is the version that answers by default; empty before the first promotion.
	Stable string `json:"stable,omitempty"`
}

// WarmInput asks the gpu host to load the candidate, run it on real rows and report the device.
type WarmInput struct {
	Key   Key        `json:"key"`
	Model spec.Model `json:"model"`
	Data  spec.Data  `json:"data"`
}

// WarmOutput is what the gpu host saw.
type WarmOutput struct {
	Host   string  `json:"host"`
	Device string  `json:"device"`
	Rows   int     `json:"rows"`
	P50MS  float64 `json:"p50_ms"`
}

// AwaitReadyInput waits until every live gateway has the candidate warm.
type AwaitReadyInput struct {
	Key    Key    `json:"key"`
	Digest string `json:"digest"`
}

// AwaitReadyOutput names the gateways that are ready.
type AwaitReadyOutput struct {
	Gateways []string `json:"gateways"`
}

// ShiftInput gives the candidate a share of the traffic, if the route is still at Rev.
// Step makes the move idempotent: the second run of the same step finds the first one's route.
type ShiftInput struct {
	Key      Key    `json:"key"`
	Step     int    `json:"step"`
	Permille int    `json:"permille"`
	Rev      int64  `json:"rev"`
	By       string `json:"by"`
}

// AnalyseInput compares candidate and production over the requests routed at revisions SinceRev and later.
// FirstRev is the first revision of the canary: the baseline is taken from there on.
type AnalyseInput struct {
	Key      Key           `json:"key"`
	SinceRev int64         `json:"since_rev"`
	FirstRev int64         `json:"first_rev"`
	Look     int           `json:"look"` // 1-based over the whole canary
	Analysis spec.Analysis `json:"analysis"`
	Baseline bool          `json:"baseline"` // false for a first release: nothing to compare with
}

// AnalysisVerdict is what one look says.
type AnalysisVerdict string

// Analysis verdicts.
const (
	AnalysisPass AnalysisVerdict = "pass"
	AnalysisHold AnalysisVerdict = "hold" // too few samples to pass, no sign of harm
	AnalysisFail AnalysisVerdict = "fail"
)

// Arm counts one version's answers.
type Arm struct {
	Version   string  `json:"version"`
	Requests  int64   `json:"requests"`
	Errors    int64   `json:"errors"`
	LatencyMS float64 `json:"latency_ms"` // at the compared quantile
}

// Check is one comparison of a look.
type Check struct {
	Name   string  `json:"name"`
	Failed bool    `json:"failed"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	P      float64 `json:"p,omitempty"`
	Detail string  `json:"detail"`
}

// Analysis is the result of one look.
type Analysis struct {
	Verdict   AnalysisVerdict `json:"verdict"`
	Reason    string          `json:"reason"`
	Look      int             `json:"look"`
	Alpha     float64         `json:"alpha"` // level spent on this look
	Candidate Arm             `json:"candidate"`
	Baseline  Arm             `json:"baseline"`
	Checks    []Check         `json:"checks,omitempty"`
}

// PromoteInput makes the candidate the production version: route and stages in one transaction.
type PromoteInput struct {
	Key    Key    `json:"key"`
	Rev    int64  `json:"rev"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// RollBackInput takes all traffic off the candidate and removes it from the route. Undo-if-done.
type RollBackInput struct {
	Key    Key    `json:"key"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// ConfirmInput asks that production is what the release made it.
type ConfirmInput struct {
	Key      Key    `json:"key"`
	Digest   string `json:"digest"`
	Previous string `json:"previous,omitempty"`
}

// ConfirmOutput says in one sentence what serves now.
type ConfirmOutput struct {
	Summary string `json:"summary"`
}

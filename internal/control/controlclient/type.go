package controlclient

import (
	"encoding/json"
	"time"
)

// Release is one attempt at releasing a model version, as the catalog has it.
type Release struct {
	Model       string `json:"model"`
	Version     string `json:"version"`
	Run         string `json:"run"`
	WorkflowID  string `json:"workflow_id"`
	RequestedBy string `json:"requested_by"`
	Candidate   string `json:"candidate"`
	Outcome     string `json:"outcome"`
	Reason      string `json:"reason,omitempty"`
	// Gates is an array of contract.GateReport.
	Gates     json.RawMessage `json:"gates,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"` // nil while under way
}

// Model is a registered model version.
type Model struct {
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	Version    string             `json:"version"`
	Number     int64              `json:"number"`
	Digest     string             `json:"digest"`
	Stage      string             `json:"stage"` // none, staging, production, archived or rejected
	DataDigest string             `json:"data_digest,omitempty"`
	Release    string             `json:"release,omitempty"`
	Config     json.RawMessage    `json:"config,omitempty"`
	Metrics    map[string]float64 `json:"metrics,omitempty"`
	CreatedBy  string             `json:"created_by"`
	CreatedAt  time.Time          `json:"created_at"`
	UpdatedAt  time.Time          `json:"updated_at"`
	Rev        int64              `json:"rev"`
	Evidence   []Evidence         `json:"evidence,omitempty"`
	Aliases    []string           `json:"aliases,omitempty"`

	Description   string            `json:"description,omitempty"`
	Source        string            `json:"source,omitempty"`
	Run           string            `json:"run,omitempty"`
	RunLink       string            `json:"run_link,omitempty"`
	ModelID       string            `json:"model_id,omitempty"`
	Status        string            `json:"status,omitempty"`
	StatusMessage string            `json:"status_message,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	DeletedAt     time.Time         `json:"deleted_at,omitzero"`
}

// Evidence is a stored report on a model version.
type Evidence struct {
	Suite  string    `json:"suite"`
	Passed bool      `json:"passed"`
	Report string    `json:"report"`
	Page   string    `json:"page,omitempty"`
	At     time.Time `json:"at"`
}

// Data is a data version.
type Data struct {
	Name        string `json:"name"`
	Version     int64  `json:"version"`
	Digest      string `json:"digest"`
	Description string `json:"description,omitempty"`
	Actor       string `json:"actor"`
	Bytes       int64  `json:"bytes"`
	// Tree tells that the files are listed by the tree's manifest, in the artifact store, and not in Files.
	Tree      bool       `json:"tree,omitempty"`
	FileCount int64      `json:"file_count"`
	Files     []DataFile `json:"files,omitempty"`
	Tags      []string   `json:"tags,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	// Hold is why the version must not be deleted.
	Hold string `json:"hold,omitempty"`
	// DeletedAt, KeepUntil and CollectedAt are zero for a version that was not deleted.
	DeletedAt   time.Time `json:"deleted_at,omitzero"`
	KeepUntil   time.Time `json:"keep_until,omitzero"`
	CollectedAt time.Time `json:"collected_at,omitzero"`
	// Entries are the files that Client.Data was asked for.
	Entries []DataEntry `json:"entries,omitempty"`
	// Uses tells what used the version; only Client.Data fills it in.
	Uses []DataUse `json:"uses,omitempty"`
}

// DataFile is one file of a data version.
type DataFile struct {
	Path   string `json:"path"`
	Role   string `json:"role"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// DataEntry is a file of a data version, by its path inside it.
type DataEntry struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"` // bytes
	Digest string `json:"digest"`
}

// DataUse is one use of a data version: by a model, by a release, or both.
type DataUse struct {
	ModelID string    `json:"model_id,omitempty"`
	Release string    `json:"release,omitempty"`
	At      time.Time `json:"at"`
}

// Event is one entry of the audit log.
type Event struct {
	ID       int64           `json:"id"`
	Key      string          `json:"key"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor"`
	Action   string          `json:"action"`
	Subject  string          `json:"subject"`
	Reason   string          `json:"reason"`
	Detail   json.RawMessage `json:"detail,omitempty"`
	PrevHash string          `json:"prev_hash"`
	Hash     string          `json:"hash"`
}

// Info says where the parts of a deployment are.
type Info struct {
	Version   string    `json:"version"`
	Temporal  string    `json:"temporal"`
	Namespace string    `json:"namespace"`
	UI        string    `json:"ui,omitempty"`
	Gateways  []Gateway `json:"gateways"`
}

// Gateway is a gateway that was seen a moment ago.
type Gateway struct {
	ID        string    `json:"id"`
	Host      string    `json:"host"`
	HTTP      string    `json:"http"`
	GRPC      string    `json:"grpc"`
	StartedAt time.Time `json:"started_at,omitzero"`
	SeenAt    time.Time `json:"seen_at"`
}

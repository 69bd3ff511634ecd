package contract

import "github.com/slipway-ml/slipway/internal/spec"

// FixDataInput names the stored files that together are the data version, or a
// stored version and its files. From then on the release uses the version.
type FixDataInput struct {
	Key  Key       `json:"key"`
	Data spec.Data `json:"data"`
	By   string    `json:"by"`
}

// FixDataOutput is the data version and, where the input names a stored version,
// its tables as they are stored.
type FixDataOutput struct {
	DataVersion
	Train     spec.File `json:"train,omitzero"`
	Test      spec.File `json:"test,omitzero"`
	Reference spec.File `json:"reference,omitzero"`
}

// Resolve is the data section with every table that the output names.
func (o FixDataOutput) Resolve(d spec.Data) spec.Data {
	if !o.Train.IsZero() {
		d.Train, d.Test, d.Reference = o.Train, o.Test, o.Reference
	}
	return d
}

// DataVersion identifies a data version. Equal content gives an equal Digest.
type DataVersion struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
}

// ValidateDataInput asks for the verdict of the schema on the fixed files.
type ValidateDataInput struct {
	Key     Key         `json:"key"`
	Data    spec.Data   `json:"data"`
	Version DataVersion `json:"version"`
}

// Report points at a stored report and its page.
type Report struct {
	Digest string `json:"digest"`
	Page   string `json:"page,omitempty"`
	// JUnit is the report as JUnit XML, where there is one.
	JUnit string `json:"junit,omitempty"`
	// Card is the digest of the model card that the model tests wrote.
	Card string `json:"card,omitempty"`
}

// Verdict is what a gate's activity found. A failed check is a result, not an error.
type Verdict struct {
	Passed  bool   `json:"passed"`
	Summary string `json:"summary"`
	Report  Report `json:"report"`
	// Metrics are small named numbers for policies and people. Values that are not finite are left out.
	Metrics map[string]float64 `json:"metrics,omitempty"`
}

// TestModelInput asks for the model tests on the fixed data.
type TestModelInput struct {
	Key   Key        `json:"key"`
	Model spec.Model `json:"model"`
	Data  spec.Data  `json:"data"`
	Tests spec.Tests `json:"tests"`
	// Production is the model to compare with; empty digest for a first release.
	Production       string `json:"production,omitempty"`
	ProductionDigest string `json:"production_digest,omitempty"`
	// DataDigest is the data version that the tables belong to; empty from releases that began before it was there.
	DataDigest string `json:"data_digest,omitempty"`
}

// RegisterInput puts the tested model into the registry, stage staging.
type RegisterInput struct {
	Key         Key                `json:"key"`
	Model       spec.Model         `json:"model"`
	Data        DataVersion        `json:"data"`
	Metrics     map[string]float64 `json:"metrics,omitempty"`
	Evidence    []Evidence         `json:"evidence,omitempty"`
	RequestedBy string             `json:"requested_by"`
	// Quality holds the quality checks of the data (capability D4), which are recorded on the model.
	Quality map[string]float64 `json:"quality,omitempty"`
	// Sensitive names columns that the gateway must never log.
	Sensitive []string `json:"sensitive,omitempty"`
	// Watched is what monitoring compares the predictions of this version with, whenever it serves.
	Watched *spec.Data `json:"watched,omitempty"`
}

// Suites of evidence. A model card is evidence that the tests wrote; it passes always.
const (
	SuiteData      = "data"
	SuiteModel     = "model"
	SuiteModelCard = "model_card"
)

// Evidence binds a report to what it speaks of.
type Evidence struct {
	Suite  string `json:"suite"`
	Passed bool   `json:"passed"`
	Report Report `json:"report"`
}

// ModelVersion identifies a registered model version.
type ModelVersion struct {
	ID      string `json:"id"`
	Number  int64  `json:"number"`
	Digest  string `json:"digest"`
	Existed bool   `json:"existed,omitempty"`
}

// MonitorScheduleInput makes the model's monitor schedule as the promoted release says.
type MonitorScheduleInput struct {
	Key     Key          `json:"key"`
	Monitor spec.Monitor `json:"monitor"`
	Data    spec.Data    `json:"data"`
	Digest  string       `json:"digest"`
}

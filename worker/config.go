package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slipway-ml/slipway/internal/modelserver"
	"github.com/slipway-ml/slipway/internal/onnx"
	"github.com/slipway-ml/slipway/internal/serving"
	"github.com/slipway-ml/slipway/internal/stack"
	"github.com/slipway-ml/slipway/internal/telemetry"
)

// config is everything a daemon can be told, by flag or environment.
type config struct {
	// State is the folder for what this host keeps: caches, the last good routes and, by default, catalog and artifacts.
	State string
	// Catalog is a DSN: postgres://… or a path of a SQLite file. Empty: <state>/slipway.db.
	Catalog string
	// Artifacts is a bucket URL: file://, mem:// or s3://. Empty: <state>/artifacts.
	Artifacts string
	// TemporalAddress is host:port; empty: the temporal CLI's own configuration and variables.
	TemporalAddress string
	// ImportRoot is the folder that the activity data.Add may read from; empty: none.
	ImportRoot string
	// ExportRoot is the folder that the activity data.Get may write to; empty: none.
	ExportRoot string
	// MaxTestMB bounds the test rows that model tests hold in memory, in MiB of values.
	MaxTestMB int
	// MaskKeyFile holds the key that masks personal values; empty: reports hide them and nothing can be masked.
	MaskKeyFile string
	// Namespace of Temporal; empty: default.
	Namespace string
	// Listen addresses. Empty host means all interfaces.
	ControlListen, GatewayHTTP, GatewayGRPC string
	// HealthListen serves /health and /metrics of the worker roles; empty: nowhere.
	HealthListen string
	// TokenFile holds the bearer token that callers must send; required beyond loopback.
	TokenFile string
	// ServerName is what a gateway calls itself in the inference protocol.
	ServerName string
	// ModelControl lets clients of the gateway load versions of the registry and unload them.
	ModelControl bool
	// OperatorFile holds the bearer token for it; required beyond loopback.
	OperatorFile string
	// AllowUnverified lets unsigned messages count. Dev sets it; run never does beyond loopback.
	AllowUnverified bool
	// WebhookNetworks may be told of registry events although they are not public, as 10.0.0.0/8.
	WebhookNetworks []string
	// Mirror is another tracking server that has the runs too.
	Mirror mirrorConfig
	// Device is auto, cpu, cuda or cuda:N.
	Device string
	// DeviceMemoryMB bounds what a model takes of a CUDA device's memory, in MiB; 0: no bound.
	DeviceMemoryMB int
	// Isolation of the models that a gateway serves: process or none.
	Isolation string
	// Runtimes is the file that lists the programs for models that are not ONNX; empty: there are none.
	Runtimes string
	programs []modelserver.Program // that the file lists
	// ModelMemoryMB bounds the memory of a model's process in MiB, ModelCores its processors; 0: no bound.
	// ModelNice is how far others go before it.
	ModelMemoryMB, ModelCores, ModelNice int
	// Resources is how much there is of what the models of a gateway share, as NAME=COUNT or NAME=COUNT@PLACE.
	Resources []string
	stock     serving.Stock // that they say
	// TemporalCLI is the temporal binary for dev.
	TemporalCLI string
	// UI is where people find the Temporal UI, for links; may be empty.
	UI       string
	LogLevel slog.Level
	// logLevels are those of the log, once there is one.
	logLevels *telemetry.Levels
}

// Roles.
const (
	roleControl = "control"
	roleCompute = "compute"
	roleGPU     = "gpu"
	roleGateway = "gateway"
)

func allRoles() []string { return []string{roleControl, roleCompute, roleGPU, roleGateway} }

func parseRoles(roles []string) ([]string, error) {
	if len(roles) == 0 {
		return nil, fmt.Errorf("--roles is empty: want one or more of %s", strings.Join(allRoles(), ", "))
	}
	for _, r := range roles {
		if !slices.Contains(allRoles(), r) {
			return nil, fmt.Errorf("--roles: %q is not a role; want %s", r, strings.Join(allRoles(), ", "))
		}
	}
	return roles, nil
}

func defaults() *config {
	return &config{
		State:           env("SLIPWAY_STATE", stack.DefaultState),
		Catalog:         env("SLIPWAY_CATALOG", ""),
		Artifacts:       env("SLIPWAY_ARTIFACTS", ""),
		TemporalAddress: env("TEMPORAL_ADDRESS", ""),
		Namespace:       env("TEMPORAL_NAMESPACE", ""),
		ControlListen:   env("SLIPWAY_CONTROL_LISTEN", "127.0.0.1:8470"),
		GatewayHTTP:     env("SLIPWAY_GATEWAY_HTTP", "127.0.0.1:8480"),
		GatewayGRPC:     env("SLIPWAY_GATEWAY_GRPC", "127.0.0.1:8481"),
		HealthListen:    env("SLIPWAY_HEALTH_LISTEN", ""),
		TokenFile:       env("SLIPWAY_TOKEN_FILE", ""),
		ServerName:      env("SLIPWAY_SERVER_NAME", "slipway"),
		ModelControl:    env("SLIPWAY_MODEL_CONTROL", "") == "explicit",
		OperatorFile:    env("SLIPWAY_OPERATOR_TOKEN_FILE", ""),
		ImportRoot:      env("SLIPWAY_IMPORT_ROOT", ""),
		ExportRoot:      env("SLIPWAY_EXPORT_ROOT", ""),
		MaxTestMB:       1024,
		MaskKeyFile:     env("SLIPWAY_MASK_KEY_FILE", ""),
		WebhookNetworks: listed("SLIPWAY_WEBHOOK_NETWORKS"),
		Mirror:          defaultMirror(),
		Device:          env("SLIPWAY_DEVICE", "auto"),
		Isolation:       env("SLIPWAY_ISOLATION", isolationProcess),
		Runtimes:        env("SLIPWAY_RUNTIMES", ""),
		ModelMemoryMB:   4096,
		ModelNice:       10,
		Resources:       listed("SLIPWAY_RESOURCES"),
		TemporalCLI:     env("TEMPORAL_CLI", ""),
		UI:              env("SLIPWAY_TEMPORAL_UI", ""),
		LogLevel:        slog.LevelInfo,
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// listed is a variable's list, with commas or spaces between.
func listed(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}

func (c *config) commonFlags(f *pflag.FlagSet) {
	f.StringVar(&c.State, "state", c.State, "folder for what this host keeps (SLIPWAY_STATE)")
	f.StringVar(&c.Catalog, "catalog", c.Catalog, "catalog: postgres://… or a SQLite file (SLIPWAY_CATALOG, SLIPWAY_CATALOG_FILE); default STATE/slipway.db")
	f.StringVar(&c.Artifacts, "artifacts", c.Artifacts, "blob store: file://, mem:// or s3:// (SLIPWAY_ARTIFACTS); default STATE/artifacts")
	f.StringVar(&c.ImportRoot, "import-root", c.ImportRoot, "folder that the activity data.Add may read from; default none (SLIPWAY_IMPORT_ROOT)")
	f.StringVar(&c.ExportRoot, "export-root", c.ExportRoot, "folder that the activity data.Get may write to; default none (SLIPWAY_EXPORT_ROOT)")
	f.IntVar(&c.MaxTestMB, "max-test-mb", c.MaxTestMB, "most MiB of test rows that model tests hold in memory")
	f.StringVar(&c.MaskKeyFile, "mask-key-file", c.MaskKeyFile, "file with at least 32 random bytes that personal values are masked with; default none (SLIPWAY_MASK_KEY_FILE)")
	f.StringSliceVar(&c.WebhookNetworks, "webhook-networks", c.WebhookNetworks, "networks that webhooks may be in although they are not public, as 10.0.0.0/8,127.0.0.1 (SLIPWAY_WEBHOOK_NETWORKS)")
	f.StringVar(&c.Device, "device", c.Device, "where models run: auto, cpu, cuda or cuda:N (SLIPWAY_DEVICE)")
	f.IntVar(&c.DeviceMemoryMB, "device-memory-mb", c.DeviceMemoryMB, "most MiB that a model takes of a CUDA device's memory; 0: what it needs")
	c.isolationFlags(f)
	c.serverNameFlag(f)
	f.StringSliceVar(&c.Resources, "resource", c.Resources, "how much there is of a resource that models of a gateway share, as NAME=COUNT for each device, NAME=COUNT@cuda or NAME=COUNT@all; may be repeated; default: of each what one model needs (SLIPWAY_RESOURCES)")
	f.BoolVar(&c.ModelControl, "model-control", c.ModelControl, "let clients of the gateway load versions of the registry and unload them (SLIPWAY_MODEL_CONTROL=explicit)")
	f.StringVar(&c.OperatorFile, "operator-token-file", c.OperatorFile, "file with the bearer token for --model-control and for changing the settings of log and traces; required for the first beyond loopback (SLIPWAY_OPERATOR_TOKEN_FILE)")
	c.Mirror.flags(f)
	f.TextVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
}

func (c *config) serverNameFlag(f *pflag.FlagSet) {
	f.StringVar(&c.ServerName, "server-name", c.ServerName, "what the gateway calls itself in the inference protocol: some clients want triton (SLIPWAY_SERVER_NAME)")
}

func (c *config) runFlags(f *pflag.FlagSet) {
	f.StringVar(&c.TemporalAddress, "temporal", c.TemporalAddress, "Temporal's address (TEMPORAL_ADDRESS)")
	f.StringVar(&c.Namespace, "namespace", c.Namespace, "Temporal's namespace (TEMPORAL_NAMESPACE)")
	f.StringVar(&c.ControlListen, "control-listen", c.ControlListen, "where the control API listens (SLIPWAY_CONTROL_LISTEN)")
	f.StringVar(&c.GatewayHTTP, "gateway-http", c.GatewayHTTP, "where the gateway listens for HTTP (SLIPWAY_GATEWAY_HTTP)")
	f.StringVar(&c.GatewayGRPC, "gateway-grpc", c.GatewayGRPC, "where the gateway listens for gRPC (SLIPWAY_GATEWAY_GRPC)")
	f.StringVar(&c.HealthListen, "health-listen", c.HealthListen, "where the worker roles serve /health and /metrics; default nowhere (SLIPWAY_HEALTH_LISTEN)")
	f.StringVar(&c.TokenFile, "token-file", c.TokenFile, "file with the bearer token that callers must send; required beyond loopback (SLIPWAY_TOKEN_FILE)")
	f.BoolVar(&c.AllowUnverified, "allow-unverified", false, "let unsigned approvals and control messages count; loopback only")
	f.StringVar(&c.UI, "temporal-ui", c.UI, "where people find the Temporal UI, for links (SLIPWAY_TEMPORAL_UI)")
}

// settle fills in what depends on other fields and refuses what is not safe.
func (c *config) settle(roles []string) error {
	if c.MaxTestMB < 1 {
		return fmt.Errorf("--max-test-mb %d: want at least 1", c.MaxTestMB)
	}
	state, err := filepath.Abs(c.State)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	c.State = state
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if file := os.Getenv("SLIPWAY_CATALOG_FILE"); c.Catalog == "" && file != "" {
		dsn, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("SLIPWAY_CATALOG_FILE: %w", err)
		}
		if c.Catalog = strings.TrimSpace(string(dsn)); c.Catalog == "" {
			return fmt.Errorf("SLIPWAY_CATALOG_FILE: %s is empty: it must hold the catalog's address", file)
		}
	}
	if c.Catalog == "" {
		c.Catalog = filepath.Join(c.State, "slipway.db")
	}
	if c.Artifacts == "" {
		c.Artifacts = "file://" + filepath.Join(c.State, "artifacts")
	}
	device, err := onnx.ParseDevice(c.Device)
	if err != nil {
		return usageError{fmt.Errorf("--device: %w", err)}
	}
	c.Device = string(device)
	if c.DeviceMemoryMB < 0 {
		return usageError{fmt.Errorf("--device-memory-mb %d: want 0 or more", c.DeviceMemoryMB)}
	}
	if err := c.checkIsolation(); err != nil {
		return err
	}
	if c.stock, err = serving.ParseStock(c.Resources); err != nil {
		return usageError{fmt.Errorf("--resource: %w", err)}
	}
	if err := c.Mirror.settle(); err != nil {
		return err
	}
	return c.guard(roles)
}

// guard denies by default: nothing listens beyond loopback without a token, and unsigned messages stay on loopback.
func (c *config) guard(roles []string) error {
	open := func(address string) bool { return !loopback(address) }
	control := slices.Contains(roles, roleControl) && open(c.ControlListen)
	gateway := slices.Contains(roles, roleGateway) && (open(c.GatewayHTTP) || open(c.GatewayGRPC))
	health := c.watched(roles) && open(c.HealthListen)
	if c.TokenFile == "" && (control || gateway || health) {
		return fmt.Errorf("listening beyond loopback needs --token-file (or SLIPWAY_TOKEN_FILE): callers must send that token")
	}
	if c.ModelControl && c.OperatorFile == "" && gateway {
		return fmt.Errorf("--model-control beyond loopback needs --operator-token-file (or SLIPWAY_OPERATOR_TOKEN_FILE): who loads models must send that token")
	}
	if c.AllowUnverified && control {
		return fmt.Errorf("--allow-unverified is for loopback only: give the approvers keys in the release spec instead")
	}
	return nil
}

// watched tells whether the health endpoint is served: it speaks for worker roles, a gateway alone has its own.
func (c *config) watched(roles []string) bool {
	return c.HealthListen != "" && len(workerRoles(roles)) > 0
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token reads the bearer token; empty when none is asked for.
func (c *config) token() (string, error) { return readToken("token file", c.TokenFile) }

// operatorToken reads the token for model control; empty when none is asked for.
func (c *config) operatorToken() (string, error) {
	return readToken("operator token file", c.OperatorFile)
}

func readToken(what, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 {
		return "", fmt.Errorf("%s %s: the token has %d characters, want at least 16", what, path, len(token))
	}
	return token, nil
}

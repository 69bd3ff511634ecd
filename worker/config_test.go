package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/serving"
	"go.temporal.io/sdk/client"
)

func TestParseRoles(t *testing.T) {
	t.Parallel()
	got, err := parseRoles([]string{"gateway", "control"})
	require.NoError(t, err)
	require.Equal(t, []string{"gateway", "control"}, got)
	for want, roles := range map[string][]string{"--roles is empty": nil, `"gatway" is not a role`: {"control", "gatway"}, `"" is not a role`: {""}} {
		_, err := parseRoles(roles)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "control, compute, gpu, gateway", "it says what there is")
	}
	require.Equal(t, []string{"control", "gpu"}, workerRoles([]string{"control", "gateway", "gpu"}))
	require.Empty(t, workerRoles([]string{"gateway"}))
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:8470": true, "127.9.9.9:1": true, "[::1]:80": true, "localhost:0": true, "[::ffff:127.0.0.1]:1": true,
		":8470": false, "0.0.0.0:8470": false, "[::]:8470": false, "10.0.0.1:80": false, "db:80": false,
		"localhost.example.org:80": false, "127.0.0.1.example.org:80": false,
		"": false, "127.0.0.1": false, "localhost": false, "1:2:3": false,
	} {
		require.Equal(t, want, loopback(address), "%q", address)
	}
}

func TestMaskKey(t *testing.T) {
	t.Parallel()
	key, err := (&config{}).maskKey()
	require.NoError(t, err)
	require.Nil(t, key)
	file := filepath.Join(t.TempDir(), "key")
	_, err = (&config{MaskKeyFile: file}).maskKey()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte("short\n"), 0o600))
	_, err = (&config{MaskKeyFile: file}).maskKey()
	require.ErrorContains(t, err, "holds 5 bytes, want at least 32")
	require.NotContains(t, err.Error(), "short", "the key is a secret")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef0123456789abcdef\n"), 0o600))
	key, err = (&config{MaskKeyFile: file}).maskKey()
	require.NoError(t, err)
	require.Len(t, key, 32)
}

// safe is a configuration of which nothing is reachable from another host.
func safe() *config {
	return &config{ControlListen: "127.0.0.1:1", GatewayHTTP: "127.0.0.1:2", GatewayGRPC: "127.0.0.1:3"}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const needsToken, needsOperator, loopbackOnly = "needs --token-file", "needs --operator-token-file", "--allow-unverified is for loopback only"
	for name, c := range map[string]struct {
		roles  []string
		change func(*config)
		want   string
	}{
		"all on loopback":                {allRoles(), func(*config) {}, ""},
		"control":                        {allRoles(), func(c *config) { c.ControlListen = ":1" }, needsToken},
		"control not run":                {[]string{roleGateway}, func(c *config) { c.ControlListen = ":1" }, ""},
		"gateway by http":                {[]string{roleGateway}, func(c *config) { c.GatewayHTTP = "0.0.0.0:2" }, needsToken},
		"gateway by grpc":                {[]string{roleGateway}, func(c *config) { c.GatewayGRPC = "0.0.0.0:3" }, needsToken},
		"gateway by no address":          {[]string{roleGateway}, func(c *config) { c.GatewayGRPC = "" }, needsToken},
		"gateway not run":                {[]string{roleGPU}, func(c *config) { c.GatewayHTTP, c.GatewayGRPC = ":2", ":3" }, ""},
		"health":                         {[]string{roleCompute}, func(c *config) { c.HealthListen = ":4" }, needsToken},
		"health on loopback":             {[]string{roleCompute}, func(c *config) { c.HealthListen = "[::1]:4" }, ""},
		"health of a gateway alone":      {[]string{roleGateway}, func(c *config) { c.HealthListen = ":4" }, ""},
		"everything with a token":        {allRoles(), func(c *config) { *c = config{TokenFile: "t", ControlListen: ":1", HealthListen: ":4"} }, ""},
		"model control on loopback":      {allRoles(), func(c *config) { c.ModelControl = true }, ""},
		"model control, callers' token":  {allRoles(), func(c *config) { c.ModelControl, c.TokenFile, c.GatewayHTTP = true, "t", ":2" }, needsOperator},
		"model control, two tokens":      {allRoles(), func(c *config) { c.ModelControl, c.TokenFile, c.OperatorFile, c.GatewayHTTP = true, "t", "o", ":2" }, ""},
		"model control without gateway":  {[]string{roleControl}, func(c *config) { c.ModelControl, c.GatewayHTTP = true, ":2" }, ""},
		"unverified on loopback":         {allRoles(), func(c *config) { c.AllowUnverified = true }, ""},
		"unverified, a token notwithstd": {allRoles(), func(c *config) { c.AllowUnverified, c.TokenFile, c.ControlListen = true, "t", ":1" }, loopbackOnly},
		"unverified without control":     {[]string{roleGateway}, func(c *config) { c.AllowUnverified, c.ControlListen = true, ":1" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := safe()
			c.change(cfg)
			err := cfg.guard(c.roles)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// Unsigned messages stay on this host: neither may a Temporal elsewhere bring them.
func TestAllowUnverifiedIsRefusedWithARemoteTemporal(t *testing.T) {
	t.Parallel()
	cfg := safe()
	cfg.AllowUnverified, cfg.TemporalAddress = true, "temporal.example.org:7233"
	p := &platform{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	err := p.workers(t.Context(), []string{roleControl}, func() { t.Error("started") })
	require.ErrorContains(t, err, "temporal.example.org:7233")
	require.ErrorContains(t, err, "loopback only")
}

func TestToken(t *testing.T) {
	t.Parallel()
	write := func(content string) *config {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return &config{TokenFile: path}
	}
	got, err := (&config{}).token()
	require.NoError(t, err)
	require.Empty(t, got, "none is asked for")
	got, err = write("0123456789abcdef\n").token()
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", got, "an editor's newline is not part of it")
	for _, short := range []string{"", "\n", "0123456789abcde\n"} {
		cfg := write(short)
		_, err = cfg.token()
		require.ErrorContains(t, err, "want at least 16", "%q", short)
		require.ErrorContains(t, err, cfg.TokenFile)
	}
	_, err = write("secret").token()
	require.NotContains(t, err.Error(), "secret", "an error must not tell the token")
	_, err = (&config{TokenFile: filepath.Join(t.TempDir(), "missing")}).token()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "token file")
}

// The environment is the process's: these tests can't run beside others.

func TestSettlePrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dsn")
	require.NoError(t, os.WriteFile(file, []byte("postgres://from-file/slipway\n"), 0o600))
	for name, c := range map[string]struct{ flag, env, file, want string }{
		"flag":    {"flag.db", "env.db", file, "flag.db"},
		"env":     {"", "env.db", file, "env.db"},
		"file":    {"", "", file, "postgres://from-file/slipway"},
		"default": {"", "", "", "STATE/slipway.db"},
	} {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "new")
			t.Setenv("SLIPWAY_CATALOG", c.env)
			t.Setenv("SLIPWAY_CATALOG_FILE", c.file)
			cfg := flagged(t, "--state", state)
			if c.flag != "" {
				cfg = flagged(t, "--state", state, "--catalog", c.flag)
			}
			require.NoError(t, cfg.settle(allRoles()))
			if c.want == "STATE/slipway.db" {
				c.want = filepath.Join(state, "slipway.db")
			}
			require.Equal(t, c.want, cfg.Catalog)
			require.Equal(t, "file://"+filepath.Join(state, "artifacts"), cfg.Artifacts)
			info, err := os.Stat(state)
			require.NoError(t, err, "the state folder is made")
			require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		})
	}
}

// flagged is the configuration of `slipwayd run` with these flags.
func flagged(t *testing.T, args ...string) *config {
	t.Helper()
	cfg := defaults()
	cmd := runCommand(nil, nil)
	cmd.ResetFlags()
	cfg.commonFlags(cmd.Flags())
	cfg.runFlags(cmd.Flags())
	require.NoError(t, cmd.ParseFlags(args))
	return cfg
}

func TestSettleRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for file, want := range map[string]string{
		empty:                                 "is empty", // silently taking the local default would split the deployment in two
		filepath.Join(t.TempDir(), "missing"): "SLIPWAY_CATALOG_FILE",
	} {
		t.Setenv("SLIPWAY_CATALOG", "")
		t.Setenv("SLIPWAY_CATALOG_FILE", file)
		require.ErrorContains(t, flagged(t, "--state", t.TempDir()).settle(allRoles()), want)
	}
	t.Setenv("SLIPWAY_CATALOG_FILE", "")
	var usage usageError
	err := flagged(t, "--state", t.TempDir(), "--device", "tpu").settle(allRoles())
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, "auto, cpu, cuda or cuda:N")
	require.ErrorContains(t, flagged(t, "--state", t.TempDir(), "--device-memory-mb", "-1").settle(allRoles()), "--device-memory-mb -1")
	err = flagged(t, "--state", t.TempDir(), "--resource", "slots").settle(allRoles())
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, "--resource: resource \"slots\": it has no count")
	require.ErrorContains(t, flagged(t, "--state", t.TempDir(), "--max-test-mb", "0").settle(allRoles()), "--max-test-mb 0: want at least 1")
	require.ErrorContains(t, flagged(t, "--state", empty).settle(allRoles()), "state folder")
	require.ErrorContains(t, flagged(t, "--state", t.TempDir(), "--control-listen", ":1").settle(allRoles()), "--token-file")
}

func TestDefaultsTakeTheEnvironment(t *testing.T) {
	for name, field := range map[string]func(*config) string{
		"SLIPWAY_STATE":          func(c *config) string { return c.State },
		"SLIPWAY_ARTIFACTS":      func(c *config) string { return c.Artifacts },
		"SLIPWAY_CONTROL_LISTEN": func(c *config) string { return c.ControlListen },
		"SLIPWAY_GATEWAY_HTTP":   func(c *config) string { return c.GatewayHTTP },
		"SLIPWAY_GATEWAY_GRPC":   func(c *config) string { return c.GatewayGRPC },
		"SLIPWAY_HEALTH_LISTEN":  func(c *config) string { return c.HealthListen },
		"SLIPWAY_TOKEN_FILE":     func(c *config) string { return c.TokenFile },
		"SLIPWAY_DEVICE":         func(c *config) string { return c.Device },
		"SLIPWAY_TEMPORAL_UI":    func(c *config) string { return c.UI },
		"TEMPORAL_ADDRESS":       func(c *config) string { return c.TemporalAddress },
		"TEMPORAL_NAMESPACE":     func(c *config) string { return c.Namespace },
		"TEMPORAL_CLI":           func(c *config) string { return c.TemporalCLI },
	} {
		t.Setenv(name, "from "+name)
		require.Equal(t, "from "+name, field(defaults()))
	}
}

func TestResources(t *testing.T) {
	t.Setenv("SLIPWAY_RESOURCES", "slots=2, memory=8@all")
	cfg := flagged(t, "--state", t.TempDir())
	require.NoError(t, cfg.settle(allRoles()))
	require.Equal(t, serving.Stock{"slots": {"": 2}, "memory": {"all": 8}}, cfg.stock)
	cfg = flagged(t, "--state", t.TempDir(), "--resource", "slots=3@cpu", "--resource", "slots=4")
	require.NoError(t, cfg.settle(allRoles()))
	require.Equal(t, serving.Stock{"slots": {"cpu": 3, "": 4}}, cfg.stock, "a flag beats its variable")
}

// Unset, Temporal is on this host, so unsigned messages may be allowed there.
func TestTemporalOptions(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	log := slog.New(slog.DiscardHandler)
	o, err := (&config{}).temporalOptions(log)
	require.NoError(t, err)
	require.Equal(t, client.DefaultHostPort, o.HostPort)
	require.True(t, loopback(o.HostPort))
	t.Setenv("TEMPORAL_ADDRESS", "env:1")
	o, err = (&config{}).temporalOptions(log)
	require.NoError(t, err)
	require.Equal(t, "env:1", o.HostPort)
	o, err = (&config{TemporalAddress: "flag:2", Namespace: "team"}).temporalOptions(log)
	require.NoError(t, err)
	require.Equal(t, "flag:2", o.HostPort)
	require.Equal(t, "team", o.Namespace)
}

package main

import (
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/pflag"
)

// Options are the flags that every command has. An empty value means: look at the environment, then at the state folder.
type Options struct {
	State     string // folder of a running slipwayd dev
	Control   string // URL
	Temporal  string // host:port
	Namespace string
	Gateway   string // URL
	TokenFile string
	User      string
	KeyFile   string
	Output    string // table or json
}

func (o *Options) register(f *pflag.FlagSet) {
	f.StringVar(&o.State, "state", "", "state folder of a running slipwayd dev (SLIPWAY_STATE)")
	f.StringVar(&o.Control, "control", "", "address of the control API (SLIPWAY_CONTROL)")
	f.StringVar(&o.Temporal, "temporal", "", "address of Temporal (TEMPORAL_ADDRESS)")
	f.StringVar(&o.Namespace, "namespace", "", "namespace of Temporal (TEMPORAL_NAMESPACE)")
	f.StringVar(&o.Gateway, "gateway", "", "address of the gateway (SLIPWAY_GATEWAY)")
	f.StringVar(&o.TokenFile, "token-file", "", "file with the bearer token (SLIPWAY_TOKEN_FILE)")
	f.StringVar(&o.User, "as", "", "who you are (SLIPWAY_USER); default: your login name")
	f.StringVar(&o.KeyFile, "key", "", "Ed25519 private key that signs what you send, PEM as openssl genpkey -algorithm ed25519 writes it (SLIPWAY_KEY_FILE)")
	f.StringVarP(&o.Output, "output", "o", "table", "output: table or json")
}

func (o *Options) check() error {
	if o.Output != "table" && o.Output != "json" {
		return usagef("-o %q: want table or json", o.Output)
	}
	return nil
}

// setting is a flag or else a variable of the environment.
func (a *app) setting(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return a.getenv(variable)
}

// user is the name that goes on record for what is asked.
func (a *app) user() (string, error) {
	name := a.setting(a.options.User, "SLIPWAY_USER")
	if name == "" {
		who, err := user.Current()
		if err != nil {
			return "", fmt.Errorf("find your login name (say who you are with --as): %w", err)
		}
		name = who.Username
	}
	if name = strings.TrimSpace(name); name == "" {
		return "", usagef("--as is empty: say who you are")
	}
	return name, nil
}

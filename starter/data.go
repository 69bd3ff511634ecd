package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const dataHelp = `Keeps data as versions that never change, and checks it against schemas.

REF names a data version: its digest (sha256:…) or 8 and more of the digits, a
tag, NAME@N for a version of a name, or NAME for its latest.

These commands open the catalog and the store themselves, as slipwayd does:

  SLIPWAY_CATALOG         catalog: postgres://… or an SQLite file
  SLIPWAY_CATALOG_FILE    file with the catalog's address
  SLIPWAY_ARTIFACTS       store: a folder or s3://…
  SLIPWAY_ENCRYPTION_KEY  key that wraps the data keys: base64key://… or awskms://…
  SLIPWAY_ENCRYPTION_KEY_FILE  file that holds it
  SLIPWAY_CACHE           folder that remembers the digests of unchanged files

Without catalog and store they are slipway.db and artifacts in the state folder,
which 'data add' makes. 'data list' and 'data show' ask the control API where
--control names one, or where there is no catalog.`

// DataOptions are the flags that every data command has. An empty value means: look at the environment.
type DataOptions struct {
	Catalog       string // address
	Artifacts     string // URL or folder
	EncryptionKey string // URL
	Cache         string // folder
}

func dataCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Keep data as versions and check it",
		Long:  dataHelp,
		Example: `  slipway data add ./train --name credit --description "loans of 2026"
  slipway data validate credit --schema schema.yaml
  slipway data list`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	o := &DataOptions{}
	o.register(cmd.PersistentFlags())
	cmd.AddCommand(
		dataAddCommand(a, o), dataListCommand(a, o), dataShowCommand(a, o), dataDiffCommand(a, o), dataGetCommand(a, o),
		dataVerifyCommand(a, o), dataTagCommand(a, o), dataUntagCommand(a, o), dataRemoveCommand(a, o), dataGCCommand(a, o), dataLineageCommand(a, o), dataRotateKeyCommand(a, o), dataReindexCommand(a, o),
		dataValidateCommand(a, o), dataInferCommand(a, o), dataProfileCommand(a, o),
	)
	for _, words := range dataMoves() {
		cmd.AddCommand(dataMoveCommand(a, o, words))
	}
	return cmd
}

func (o *DataOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.Catalog, "catalog", "", "catalog: postgres://… or an SQLite file (SLIPWAY_CATALOG, SLIPWAY_CATALOG_FILE); default STATE/slipway.db")
	f.StringVar(&o.Artifacts, "artifacts", "", "store: a folder, file://… or s3://… (SLIPWAY_ARTIFACTS); default STATE/artifacts")
	f.StringVar(&o.EncryptionKey, "encryption-key", "", "URL of the key that wraps the data keys; with one, what is added is encrypted (SLIPWAY_ENCRYPTION_KEY, SLIPWAY_ENCRYPTION_KEY_FILE)")
	f.StringVar(&o.Cache, "cache", "", "folder that remembers the digests of unchanged files (SLIPWAY_CACHE); default: slipway/files in your cache folder")
}

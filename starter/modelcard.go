package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/slipway-ml/slipway/internal/contract"
)

// maxCard bounds a model card in bytes.
const maxCard = 16 << 20

func modelCardCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "card MODEL/VERSION",
		Short: "Print the model card of a version",
		Long: `Prints the model card that the tests of the release wrote: Markdown with the
front matter that Hugging Face reads. What only people know is left as questions,
marked "To be answered". 'slipway model test --card FILE' writes one for a local model.`,
		Example: `  slipway model card credit-risk/1.1.0 > model_card.md`,
		Args:    takes("MODEL/VERSION"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runModelCard(cmd.Context(), args[0]) },
	}
}

func (a *app) runModelCard(ctx context.Context, arg string) (err error) {
	name, err := parseName(arg)
	if err != nil {
		return err
	}
	c, err := a.control()
	if err != nil {
		return err
	}
	m, err := c.Model(ctx, name.model, name.version)
	if err != nil {
		return err
	}
	digest := ""
	for _, e := range m.Evidence {
		if e.Suite == contract.SuiteModelCard {
			digest = e.Report // the latest one
		}
	}
	if digest == "" {
		return fmt.Errorf("%s has no model card: it was released before the tests wrote one; 'slipway model test --card FILE' does", name)
	}
	body, err := c.OpenBlob(ctx, digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	card, err := io.ReadAll(io.LimitReader(body, maxCard))
	if err != nil {
		return fmt.Errorf("read model card %s: %w", digest, err)
	}
	if found := fmt.Sprintf("sha256:%x", sha256.Sum256(card)); found != digest {
		return fmt.Errorf("model card %s: the bytes that came are %s: the store or the way to it is damaged", digest, found)
	}
	if a.json() {
		return a.printJSON(map[string]string{"model": name.model, "version": name.version, "digest": digest, "card": string(card)})
	}
	_, err = a.stdout.Write(card)
	return err
}

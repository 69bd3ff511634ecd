package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// maxInput and maxPrediction bound what is read, in bytes.
	maxInput      = 64 << 20
	maxPrediction = 64 << 20
	// predictPatience bounds one prediction.
	predictPatience = time.Minute
)

// PredictOptions are the flags of predict.
type PredictOptions struct {
	Model    string
	Input    string
	Stream   bool
	Keys     []string
	InFlight int
	Group    int
	Timeout  time.Duration
}

func predictCommand(a *app) *cobra.Command {
	var o PredictOptions
	cmd := &cobra.Command{
		Use:   "predict --input JSON|@FILE|-",
		Short: "Ask the gateway for a prediction",
		Long: `Sends the input to the gateway and prints the prediction. The input is one row as
an object of column and value, or a list of rows; "-" reads it from standard input.

With --stream the input is JSON lines, one row each, of any number, and so is the
output, in the same order: line (its number in the input), keys, prediction,
probabilities, model and version, or error. Lines that have arrived share a
request; no more is read than --in-flight requests of --group lines hold. A line
that fails does not end the stream; the exit code is 1 if any did.`,
		Example: `  slipway predict --model credit-risk --input '{"age": 35, "amount": 1200, …}'
  slipway predict --input @row.json -o json
  slipway predict --stream --keys id --input @rows.jsonl > predictions.jsonl
  tail -f events.jsonl | slipway predict --stream --model credit-risk`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Stream {
				return a.runStream(cmd.Context(), o)
			}
			return a.runPredict(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Model, "model", "", "model to ask; not needed where the gateway serves only one")
	cmd.Flags().StringVar(&o.Input, "input", "", "the input: JSON, @FILE, or - for standard input")
	cmd.Flags().BoolVar(&o.Stream, "stream", false, "predict JSON lines, line by line")
	cmd.Flags().StringSliceVar(&o.Keys, "keys", nil, "with --stream: columns of the row to repeat in its answer")
	cmd.Flags().IntVar(&o.InFlight, "in-flight", 8, "with --stream: most requests at once")
	cmd.Flags().IntVar(&o.Group, "group", 64, "with --stream: most lines of a request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 30*time.Second, "with --stream: how long a request may take, asking again while the gateway is busy or away")
	return cmd
}

func (a *app) runPredict(ctx context.Context, o PredictOptions) error {
	input, err := a.input(o.Input)
	if err != nil {
		return err
	}
	gateway, err := a.gateway()
	if err != nil {
		return err
	}
	body, err := json.Marshal(struct {
		Model string          `json:"model,omitempty"`
		Input json.RawMessage `json:"input"`
	}{o.Model, input})
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	answer, err := a.predict(ctx, strings.TrimSuffix(gateway, "/")+"/predict", body)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(answer)
	}
	var known struct {
		Prediction json.RawMessage `json:"prediction"`
	}
	if err := json.Unmarshal(answer, &known); err != nil || known.Prediction == nil {
		return fmt.Errorf("the gateway's answer has no prediction: %s", clean(excerpt(answer)))
	}
	fmt.Fprintln(a.stdout, string(known.Prediction))
	return nil
}

// input reads the value of --input.
func (a *app) input(text string) (json.RawMessage, error) {
	var b []byte
	var err error
	switch {
	case text == "":
		return nil, usagef("--input is missing: give JSON, @FILE, or - for standard input")
	case text == "-":
		b, err = io.ReadAll(io.LimitReader(a.stdin, maxInput+1))
	case strings.HasPrefix(text, "@"):
		b, err = readFile(text[1:])
	default:
		b = []byte(text)
	}
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("the input has more than %d bytes", maxInput)
	}
	if !json.Valid(b) {
		return nil, errors.New("the input is not JSON: want a row as an object, or a list of rows")
	}
	return b, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput+1))
}

func (a *app) predict(ctx context.Context, address string, body []byte) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, predictPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("gateway address: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway (name another with --gateway): %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxPrediction))
	if err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var said struct{ Error string }
		if json.Unmarshal(answer, &said) != nil || said.Error == "" {
			said.Error = excerpt(answer)
		}
		return nil, fmt.Errorf("the gateway answers %s: %s", resp.Status, clean(said.Error))
	}
	return answer, nil
}

// excerpt is enough of an answer for a message.
func excerpt(b []byte) string {
	const most = 300
	if len(b) > most {
		b = b[:most]
	}
	return string(b)
}

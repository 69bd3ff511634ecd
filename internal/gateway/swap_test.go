package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// While versions are swapped many times, clients that ask as fast as they can by
// all three ways never get an error, and every version takes its part.
func TestNoRequestIsLostInSwaps(t *testing.T) {
	t.Parallel()
	const swaps = 12
	w := newWorld(t)
	var artifacts [2][]byte
	for i, version := range []string{"1.0.0", "1.1.0"} {
		b, err := os.ReadFile(filepath.Join(creditRisk, "models", version+".onnx"))
		require.NoError(t, err)
		artifacts[i] = b
	}
	name := func(i int) string { return fmt.Sprintf("2.0.%d", i) }
	w.promote(t, w.stageBytes(t, name(0), artifacts[0]))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, name(0), 0)

	table := rows(t, "test.csv")
	body, predict := text(t, wire(table[:2])), text(t, map[string]any{"input": table[0]})
	post := func(path, body string) (string, error) {
		resp, err := http.Post(g.url+path, "application/json", strings.NewReader(body))
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		var out struct {
			Error, Version string
			ModelVersion   string `json:"model_version"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
			return "", fmt.Errorf("status %d: %s %w", resp.StatusCode, out.Error, err)
		}
		return out.Version + out.ModelVersion, nil
	}
	conn, err := grpc.NewClient(g.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client := inferencepb.NewGRPCInferenceServiceClient(conn)
	ways := []func() (string, error){
		func() (string, error) { return post(inferPath, body) },
		func() (string, error) { return post("/predict", predict) },
		func() (string, error) {
			resp, err := client.ModelInfer(context.Background(), &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(table[1])})
			return resp.GetModelVersion(), err
		},
	}
	var clients sync.WaitGroup
	var stop atomic.Bool
	var asked, failed atomic.Int64
	var seen sync.Map // versions that answered
	var trouble atomic.Value
	for i := range 2 * len(ways) {
		clients.Go(func() {
			for !stop.Load() {
				version, err := ways[i%len(ways)]()
				if asked.Add(1); err != nil {
					failed.Add(1)
					trouble.Store(err)
					continue
				}
				seen.Store(version, true)
			}
		})
	}
	for i := 1; i <= swaps; i++ {
		w.promote(t, w.shift(t, w.stageBytes(t, name(i), artifacts[i%2]), 500))
		require.Eventually(t, func() bool { _, ok := seen.Load(name(i)); return ok }, patience, 1e6, "%s never answered", name(i))
	}
	stop.Store(true)
	clients.Wait()
	require.Zero(t, failed.Load(), "of %d requests; the last one: %v", asked.Load(), trouble.Load())
	t.Logf("%d requests over %d swaps", asked.Load(), swaps)
	require.Greater(t, asked.Load(), int64(10*swaps))
}

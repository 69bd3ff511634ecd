package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

// BenchmarkInfer answers requests of one row without a network: what remains is the
// gateway's own work and the model's.
func BenchmarkInfer(b *testing.B) {
	w := newWorld(b)
	w.promote(b, w.stage(b, "1.0.0"))
	g := w.start(b, b.TempDir(), nil)
	g.await(b, "1.0.0", 0)
	typed := typedInputs(rows(b, "test.csv")[0])
	b.Run("REST", func(b *testing.B) {
		inputs := make([]map[string]any, len(typed))
		for i, in := range typed {
			inputs[i] = map[string]any{"name": in.GetName(), "datatype": in.GetDatatype(), "shape": in.GetShape()}
			if in.GetDatatype() == "BYTES" {
				inputs[i]["data"] = []string{string(in.GetContents().GetBytesContents()[0])}
			} else {
				inputs[i]["data"] = in.GetContents().GetFp32Contents()
			}
		}
		body, err := json.Marshal(map[string]any{"inputs": inputs})
		require.NoError(b, err)
		h := oip.NewREST(inference{g.Gateway}, g.identity(), 1<<20).Handler()
		b.ReportAllocs()
		for b.Loop() {
			r := httptest.NewRequest(http.MethodPost, "/v2/models/"+model+"/infer", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			if answer.Code != http.StatusOK {
				b.Fatal(answer.Body.String())
			}
		}
	})
	b.Run("gRPC", func(b *testing.B) {
		h := oip.NewGRPC(inference{g.Gateway}, g.identity())
		request := &inferencepb.ModelInferRequest{ModelName: model, Inputs: typed}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.ModelInfer(context.Background(), request); err != nil {
				b.Fatal(err)
			}
		}
	})
}

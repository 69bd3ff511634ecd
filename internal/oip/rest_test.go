package oip

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/onnx"
)

// echo answers with the inputs, and keeps them.
type echo struct {
	Backend
	mutex sync.Mutex
	seen  []Request
}

func (*echo) Authorized(string) bool { return true }

func (e *echo) Infer(_ context.Context, r Request) (Response, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.seen = append(e.seen, r)
	return Response{Model: r.Model, Version: "1", Outputs: r.Inputs}, nil
}

// Requests at once and one after the other use the same buffers: neither their answers nor what the backend keeps of
// them may change when those are used again.
func TestBuffersAreUsedAgain(t *testing.T) {
	t.Parallel()
	backend := &echo{}
	server := httptest.NewServer(NewREST(backend, Identity{}, 1<<20).Handler())
	defer server.Close()
	const workers, rounds = 8, 30
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				if err := roundTrip(server.URL, worker, round); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Len(t, backend.seen, workers*rounds)
	for _, r := range backend.seen {
		require.Equal(t, echoed(r.ID, len(r.Inputs[1].Floats)), r.Inputs)
	}
}

// echoed are the inputs of a request, all of which tell whose they are.
func echoed(id string, n int) []onnx.Tensor {
	number, _ := strconv.Atoi(id)
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(number + i)
	}
	return []onnx.Tensor{
		{Name: "text" + id, Type: onnx.String, Shape: []int64{1, 2}, Strings: []string{"value " + id, "\u00e9\n" + id}},
		{Name: "many", Type: onnx.Float32, Shape: []int64{int64(n)}, Floats: values},
		{Name: "one" + id, Type: onnx.Int64, Shape: []int64{1}, Ints: []int64{int64(number)}},
	}
}

// roundTrip sends a request in JSON or, every third, as binary tensors, and compares the answer.
func roundTrip(url string, worker, round int) error {
	id, binary := strconv.Itoa(1000*worker+round), round%3 == 0
	inputs := echoed(id, []int{1, 5, sharedMost + 1, 20000}[round%4])
	list := make([]map[string]any, len(inputs))
	var tail []byte
	for i, in := range inputs {
		list[i] = map[string]any{"name": in.Name, "shape": in.Shape, "datatype": datatype(in.Type)}
		switch {
		case binary:
			list[i]["parameters"] = map[string]any{"binary_data_size": rawSize(in)}
			tail = appendRaw(tail, in)
		case in.Type == onnx.String:
			list[i]["data"] = in.Strings
		case in.Type == onnx.Int64:
			list[i]["data"] = in.Ints
		default:
			list[i]["data"] = in.Floats
		}
	}
	body, err := json.Marshal(map[string]any{"id": id, "inputs": list})
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, url+"/v2/models/m/infer", bytes.NewReader(append(body, tail...)))
	if err != nil {
		return err
	}
	if binary {
		r.Header.Set(HeaderLength, strconv.Itoa(len(body)))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		return err
	}
	want, _, err := appendResponse(nil, Request{ID: id}, Response{Model: "m", Version: "1"}, answers(inputs))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || !bytes.Equal(want, text.Bytes()) {
		return fmt.Errorf("request %s: %s: %.300s", id, answer.Status, text.Bytes())
	}
	return nil
}

func answers(list []onnx.Tensor) []answer {
	out := make([]answer, len(list))
	for i := range list {
		out[i].Tensor = &list[i]
	}
	return out
}

// A body may be as large as the bound and no larger, whether it says its length or not, and once decompressed.
func TestBodyOfTheLargestSize(t *testing.T) {
	t.Parallel()
	const most = 2000
	h := NewREST(&echo{}, Identity{}, most).Handler()
	for _, c := range []struct{ size, length, status int }{
		{most, most, http.StatusOK}, {most, -1, http.StatusOK},
		{most + 1, most + 1, http.StatusRequestEntityTooLarge}, {most + 1, -1, http.StatusRequestEntityTooLarge}, {most + 1, 10, http.StatusRequestEntityTooLarge},
	} {
		body := []byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`)
		body = append(body, bytes.Repeat([]byte{' '}, c.size-len(body))...)
		r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", bytes.NewReader(body))
		r.ContentLength = int64(c.length)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, "%+v: %s", c, w.Body)
	}
}

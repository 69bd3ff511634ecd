package modelsource_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/modelsource"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]modelsource.Address{
		"mlflow://churn@champion":      {Name: "churn", Alias: "champion"},
		"mlflow://a model/12":          {Name: "a model", Version: "12"},
		"runs:/0af1/model":             {Run: "0af1", Path: "model"},
		"runs://0af1/deep/model.onnx/": {Run: "0af1", Path: "deep/model.onnx"},
	} {
		got, err := modelsource.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "model.onnx", "mlflow://", "mlflow://m", "mlflow://m/", "mlflow://@a", "mlflow://m@", "mlflow://m@a@b", "mlflow://m/x", "mlflow://m/1/2", "mlflow://a/b@c", "runs:/", "runs:/r", "runs:/r/../x", "runs:/r/a//b"} {
		_, err := modelsource.Parse(text)
		require.Error(t, err, text)
	}
}

// FuzzParse: what is accepted names one thing, and leads nowhere else.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"mlflow://m@a", "mlflow://m/1", "runs:/r/p", "runs:/r/../x", "mlflow://m/1/@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := modelsource.Parse(text)
		if err != nil {
			return
		}
		require.NotEqual(t, a.Name == "", a.Run == "")
		require.NotContains(t, "/"+a.Path+"/", "/../")
		require.NotContains(t, a.Name, "/")
	})
}

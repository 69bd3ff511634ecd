package modelsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/internal/mlflow/mlflowclient"
)

// Server is an MLflow tracking server.
type Server struct {
	client *mlflowclient.Client
}

// New makes a client of the server at uri. The environment gives credentials as
// it does to MLflow's own client: MLFLOW_TRACKING_TOKEN, or
// MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
func New(uri string, getenv func(string) string) (*Server, error) {
	client, err := mlflowclient.New(uri, mlflowclient.Credentials{
		Token: getenv("MLFLOW_TRACKING_TOKEN"), User: getenv("MLFLOW_TRACKING_USERNAME"), Password: getenv("MLFLOW_TRACKING_PASSWORD"),
	})
	if err != nil {
		return nil, fmt.Errorf("MLFLOW_TRACKING_URI: %w", err)
	}
	return &Server{client: client}, nil
}

// locate follows an address to the folder, or file, of the artifact proxy.
func (s *Server) locate(ctx context.Context, a Address) (string, error) {
	if a.Run != "" {
		return s.ofRun(ctx, a)
	}
	version := a.Version
	if a.Alias != "" {
		var found struct {
			Version struct {
				Version string `json:"version"`
			} `json:"model_version"`
		}
		if err := s.client.Get(ctx, &found, "mlflow/registered-models/alias", "name", a.Name, "alias", a.Alias); err != nil {
			return "", err
		}
		version = found.Version.Version
	}
	var found struct {
		URI string `json:"artifact_uri"`
	}
	if err := s.client.Get(ctx, &found, "mlflow/model-versions/get-download-uri", "name", a.Name, "version", version); err != nil {
		return "", err
	}
	return s.proxied(ctx, found.URI)
}

// ofRun is a model that the run logged under the name (MLflow 3), or a path of its artifacts.
func (s *Server) ofRun(ctx context.Context, a Address) (string, error) {
	var found struct {
		Run struct {
			Info struct {
				URI string `json:"artifact_uri"`
			} `json:"info"`
			Outputs struct {
				Models []struct {
					ID string `json:"model_id"`
				} `json:"model_outputs"`
			} `json:"outputs"`
		} `json:"run"`
	}
	if err := s.client.Get(ctx, &found, "mlflow/runs/get", "run_id", a.Run); err != nil {
		return "", err
	}
	for _, m := range found.Run.Outputs.Models {
		name, uri, err := s.logged(ctx, m.ID)
		if err != nil {
			return "", err
		}
		if name == a.Path {
			return s.proxied(ctx, uri)
		}
	}
	return s.proxied(ctx, found.Run.Info.URI+"/"+a.Path)
}

func (s *Server) logged(ctx context.Context, id string) (name, uri string, err error) {
	var found struct {
		Model struct {
			Info struct {
				Name string `json:"name"`
				URI  string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"model"`
	}
	err = s.client.Get(ctx, &found, "mlflow/logged-models/"+url.PathEscape(id))
	return found.Model.Info.Name, found.Model.Info.URI, err
}

// proxied is the path below the artifact proxy.
func (s *Server) proxied(ctx context.Context, uri string) (string, error) {
	if id, ok := strings.CutPrefix(uri, "models:/"); ok && !strings.Contains(id, "/") {
		var err error
		if _, uri, err = s.logged(ctx, id); err != nil {
			return "", err
		}
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return "", fmt.Errorf("the model is at %s, which only MLflow's own client can read: serve artifacts through the server (mlflow server --serve-artifacts), or download the model and name the file", uri)
	}
	return strings.Trim(u.Path, "/"), nil
}

// maxMLmodel bounds the description of a logged model, in bytes.
const maxMLmodel = 1 << 20

// onnxFile is the ONNX file of the model at a place.
func (s *Server) onnxFile(ctx context.Context, at string) (string, error) {
	if strings.EqualFold(path.Ext(at), ".onnx") {
		return at, nil
	}
	body, err := s.client.OpenFile(ctx, at+"/MLmodel")
	if err != nil {
		return "", fmt.Errorf("the folder %s is no model that MLflow logged: %w", at, err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxMLmodel))
	if err != nil {
		return "", fmt.Errorf("read %s/MLmodel: %w", at, err)
	}
	var described struct {
		Flavors map[string]struct {
			Data string `yaml:"data"`
		} `yaml:"flavors"`
	}
	if err := yaml.Unmarshal(text, &described); err != nil {
		return "", fmt.Errorf("read %s/MLmodel: %w", at, err)
	}
	data := described.Flavors["onnx"].Data
	if data == "" || path.IsAbs(data) || strings.HasPrefix(path.Clean(data), "..") {
		return "", fmt.Errorf("the model at %s is not one of ONNX: log it with mlflow.onnx.log_model", at)
	}
	return at + "/" + path.Clean(data), nil
}

// Fetch downloads the ONNX file of a model to a file, and tells where on the
// server it is, for FetchBeside.
func (s *Server) Fetch(ctx context.Context, a Address, to string) (at string, err error) {
	if at, err = s.locate(ctx, a); err != nil {
		return "", err
	}
	if at, err = s.onnxFile(ctx, at); err != nil {
		return "", err
	}
	return at, s.download(ctx, at, to)
}

// FetchBeside downloads the files in which the model at a place keeps weights,
// by the names that the model has for them, to the same names below a folder.
func (s *Server) FetchBeside(ctx context.Context, at string, names []string, folder string) error {
	for _, name := range names {
		clean := path.Clean(name)
		if !fs.ValidPath(clean) || clean == "." || clean == path.Base(at) {
			return fmt.Errorf("the model keeps weights in %q, which is no name of a file beside it", name)
		}
		to := filepath.Join(folder, filepath.FromSlash(clean))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("download %s: %w", clean, err)
		}
		if err := s.download(ctx, path.Join(path.Dir(at), clean), to); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) download(ctx context.Context, at, to string) error {
	body, err := s.client.OpenFile(ctx, at)
	if err != nil {
		return err
	}
	defer body.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("download %s: %w", at, err)
	}
	_, err = io.Copy(out, body)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("download %s: %w", at, err)
	}
	return nil
}

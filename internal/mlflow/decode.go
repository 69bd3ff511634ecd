package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// maxBody bounds a request of JSON, in bytes: the protocol's 1 MB for log-batch, with
// room for what the client's encoder adds.
const maxBody = 1 << 20

// decode fills the struct that into points at; unknown fields are ignored, as clients may be newer.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	text, err := payload(w, r, reflect.TypeOf(into).Elem())
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return badJSON(err)
	}
	fromPath(r, reflect.ValueOf(into).Elem())
	return nil
}

// payload is the request as a JSON object.
func payload(w http.ResponseWriter, r *http.Request, shape reflect.Type) ([]byte, error) {
	if r.Method == http.MethodGet {
		return fromQuery(r.URL.Query(), shape)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(text) == 0 {
		return []byte("{}"), nil
	}
	// A page of another site can send text without asking first, JSON it can't.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fail(InvalidParameterValue, "Bad Request. Content-Type should be one of ['application/json'].")
	}
	return text, nil
}

// fromQuery makes JSON of a query: a list of each repeatable field, a string of every other.
func fromQuery(query url.Values, shape reflect.Type) ([]byte, error) {
	fields := map[string]any{}
	for i := range shape.NumField() {
		field := shape.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		values, given := query[name]
		if !given {
			continue
		}
		if field.Type.Kind() == reflect.Slice {
			fields[name] = values
		} else {
			fields[name] = values[0]
		}
	}
	return json.Marshal(fields)
}

func fromPath(r *http.Request, into reflect.Value) {
	for i := range into.NumField() {
		if name := into.Type().Field(i).Tag.Get("path"); name != "" {
			into.Field(i).SetString(r.PathValue(name))
		}
	}
}

// badJSON says what is wrong with a request that cannot be decoded.
func badJSON(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fail(InvalidParameterValue, "Invalid value for parameter '%s' supplied: it is a JSON %s", kind.Field, kind.Value)
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return fail(BadRequest, "the request is not JSON of the expected shape: %v", err)
}

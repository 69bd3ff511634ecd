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
		return badJSON(err, text)
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

// badJSON says what is wrong with a request that cannot be decoded: which parameter, and what it holds.
func badJSON(err error, request []byte) error {
	var wrong *json.UnmarshalTypeError
	var given map[string]json.RawMessage
	if errors.As(err, &wrong) && json.Unmarshal(request, &given) == nil {
		// The path also names Go's embedded structs: the parameter is what the request has.
		for name := range strings.SplitSeq(wrong.Field, ".") {
			if value, ok := given[name]; ok {
				return fail(InvalidParameterValue, "Invalid value %s for parameter '%s' supplied: want %s", clip(string(value)), name, article(wrong.Type))
			}
		}
	}
	return fail(BadRequest, "the request is not JSON of the expected shape: %v", err)
}

// article is a type as the protocol calls it.
func article(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Int64:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

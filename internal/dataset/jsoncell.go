package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentURL names the JSON Schema of a column to the compiler; nothing is read from there.
const documentURL = "slipway:///column.json"

// noLoader refuses references out of a JSON Schema: checking data reads no files and no network.
type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a reference must stay within the schema", url)
}

// compileDocument compiles the JSON Schema of a column's cells; nil without one.
func compileDocument(schema map[string]any) (*jsonschema.Schema, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("the names of its fields must be text: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.AssertFormat()
	if err := c.AddResource(documentURL, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(documentURL)
	if err != nil {
		var wrong *jsonschema.SchemaValidationError
		if errors.As(err, &wrong) { // its own words name the URL that only the compiler knows
			return nil, fmt.Errorf("no valid JSON Schema: %w", wrong.Err)
		}
		return nil, err
	}
	return compiled, nil
}

// isJSON tells whether a cell is one JSON document.
func isJSON(v *vector, i int) bool { return json.Valid(v.bytesAt(i)) }

// meetsDocument is a test that cells are JSON that a schema takes.
func meetsDocument(schema *jsonschema.Schema) func(v *vector, i int) bool {
	return func(v *vector, i int) bool {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(v.bytesAt(i)))
		return err == nil && ordinaryNumbers(doc) && schema.Validate(doc) == nil
	}
}

// ordinaryNumbers tells that no number of a document has an exponent of more
// than three digits: the validator computes with exact fractions, so that 1e999999
// would cost a million digits.
func ordinaryNumbers(doc any) bool {
	switch doc := doc.(type) {
	case json.Number:
		_, exponent, has := strings.Cut(strings.ToLower(doc.String()), "e")
		return !has || len(strings.TrimLeft(exponent, "+-0")) <= 3
	case []any:
		for _, d := range doc {
			if !ordinaryNumbers(d) {
				return false
			}
		}
	case map[string]any:
		for _, d := range doc {
			if !ordinaryNumbers(d) {
				return false
			}
		}
	}
	return true
}

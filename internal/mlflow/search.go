package mlflow

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// searchable says what a search knows: the other names of its attributes, and
// which of them are numbers.
type searchable struct {
	what       string
	attributes []string
	numbers    []string
	aliases    map[string]string
	kinds      []catalog.FieldKind // beside attributes
}

// fieldKind is the kind that stands before the dot of a column.
func fieldKind(prefix string) (catalog.FieldKind, bool) {
	switch prefix {
	case "", "attribute", "attributes", "attr", "run":
		return catalog.FieldAttribute, true
	case "metric", "metrics":
		return catalog.FieldMetric, true
	case "param", "params", "parameter", "parameters":
		return catalog.FieldParam, true
	case "tag", "tags":
		return catalog.FieldTag, true
	case "dataset", "datasets":
		return catalog.FieldDataset, true
	}
	return "", false
}

func runSearch() searchable {
	return searchable{
		what:       "runs",
		attributes: []string{"run_id", "run_name", "user_id", "status", "artifact_uri", "start_time", "end_time"},
		numbers:    []string{"start_time", "end_time"},
		aliases:    map[string]string{"run name": "run_name", "Run name": "run_name", "Run Name": "run_name", "created": "start_time", "Created": "start_time"},
		kinds:      []catalog.FieldKind{catalog.FieldMetric, catalog.FieldParam, catalog.FieldTag, catalog.FieldDataset},
	}
}

func experimentSearch() searchable {
	return searchable{
		what:       "experiments",
		attributes: []string{"name", "creation_time", "last_update_time", "experiment_id"},
		numbers:    []string{"creation_time", "last_update_time", "experiment_id"},
		kinds:      []catalog.FieldKind{catalog.FieldTag},
	}
}

func loggedModelSearch() searchable {
	return searchable{
		what:       "logged models",
		attributes: []string{"name", "model_id", "model_type", "status", "source_run_id", "creation_timestamp", "last_updated_timestamp"},
		numbers:    []string{"creation_timestamp", "last_updated_timestamp"},
		aliases:    map[string]string{"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
		kinds:      []catalog.FieldKind{catalog.FieldMetric, catalog.FieldParam, catalog.FieldTag},
	}
}

func (s searchable) field(kind, key string) (catalog.Field, error) {
	k, known := fieldKind(kind)
	if !known || k != catalog.FieldAttribute && !slices.Contains(s.kinds, k) {
		return catalog.Field{}, fail(InvalidParameterValue, "Invalid entity type '%s': %s are searched by attributes and %v", clip(kind), s.what, s.kinds)
	}
	if k == catalog.FieldAttribute {
		if name, ok := s.aliases[key]; ok {
			key = name
		}
		if !slices.Contains(s.attributes, key) {
			return catalog.Field{}, fail(InvalidParameterValue, "Invalid attribute key '%s' specified. Valid keys are %v", clip(key), s.attributes)
		}
	}
	return catalog.Field{Kind: k, Key: key}, nil
}

// conditions reads a filter.
func (s searchable) conditions(filter string) ([]catalog.Condition, error) {
	parsed, err := parseFilter(filter)
	if err != nil {
		return nil, err
	}
	out := make([]catalog.Condition, len(parsed))
	for i, c := range parsed {
		field, err := s.field(c.Kind, c.Key)
		if err != nil {
			return nil, err
		}
		out[i] = catalog.Condition{Field: field, Op: c.Op}
		number := field.Kind == catalog.FieldMetric || field.Kind == catalog.FieldAttribute && slices.Contains(s.numbers, field.Key)
		switch {
		case strings.HasPrefix(c.Op, "IS "):
		case c.List != nil:
			out[i].Texts = c.List
		case number && c.Value.Quoted:
			return nil, fail(InvalidParameterValue, "Expected numeric value type for %s %s. Found '%s'", field.Kind, field.Key, clip(c.Value.Text))
		case number:
			out[i].Number = c.Value.Number
		case !c.Value.Quoted:
			return nil, fail(InvalidParameterValue, "Expected a quoted string value for %s %s (e.g. 'my-value'). Got value %s", field.Kind, field.Key, clip(c.Value.Text))
		default:
			out[i].Texts = []string{c.Value.Text}
		}
	}
	return out, nil
}

// order reads the keys of an order.
func (s searchable) order(keys []string) ([]catalog.SortKey, error) {
	if len(keys) > maxOrderKeys {
		return nil, fail(InvalidParameterValue, "Invalid order_by: more than %d keys", maxOrderKeys)
	}
	out := make([]catalog.SortKey, len(keys))
	for i, text := range keys {
		key, err := parseOrder(text)
		if err != nil {
			return nil, err
		}
		field, err := s.field(key.Kind, key.Key)
		if err != nil {
			return nil, err
		}
		if field.Kind == catalog.FieldDataset {
			return nil, fail(InvalidParameterValue, "Invalid order_by entity '%s': data sets have no order", clip(text))
		}
		out[i] = catalog.SortKey{Field: field, Desc: key.Desc}
	}
	return out, nil
}

// existence reads a view type.
func existence(viewType string) (catalog.Existence, error) {
	switch strings.ToUpper(viewType) {
	case "", "ACTIVE_ONLY", "1":
		return catalog.Active, nil
	case "DELETED_ONLY", "2":
		return catalog.Deleted, nil
	case "ALL", "3":
		return catalog.All, nil
	}
	return 0, invalidValue("view_type", viewType, "want ACTIVE_ONLY, DELETED_ONLY or ALL")
}

// page completes a query by its place and returns what makes the token of the next page.
func page(q *catalog.TrackedQuery, token string) (next func(catalog.SearchPlace) (string, error), err error) {
	of := struct {
		Experiments []int64
		Existence   catalog.Existence
		Conditions  []catalog.Condition
		Order       []catalog.SortKey
	}{q.Experiments, q.Existence, q.Conditions, q.Order}
	var place catalog.SearchPlace
	if _, err := readToken(token, of, &place); err != nil {
		return nil, err
	}
	q.After = place
	return func(at catalog.SearchPlace) (string, error) {
		if at == nil {
			return "", nil
		}
		return nextToken(of, at)
	}, nil
}

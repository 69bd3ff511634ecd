package mlflow

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/internal/catalog"
)

// tagIsPrompt marks what is a prompt and not a model; searches leave it out unless asked for it.
const tagIsPrompt = "mlflow.prompt.is_prompt"

// registryColumns says what a search in the registry knows.
type registryColumns struct {
	where, order, numbers []string
}

func modelColumns() registryColumns {
	return registryColumns{where: []string{"name"}, order: []string{"name", "creation_timestamp", "last_updated_timestamp"}}
}

func versionColumns() registryColumns {
	return registryColumns{
		where:   []string{"name", "version_number", "run_id", "source_path"},
		order:   []string{"name", "version_number", "creation_timestamp", "last_updated_timestamp"},
		numbers: []string{"version_number"},
	}
}

type searchRegistryRequest struct {
	Filter     string   `json:"filter"`
	MaxResults *integer `json:"max_results"`
	OrderBy    []string `json:"order_by"`
	PageToken  string   `json:"page_token"`
}

// search reads a request for a page.
func (c registryColumns) search(in *searchRegistryRequest, otherwise, most int) (catalog.Search, error) {
	var s catalog.Search
	var err error
	if s.Limit, err = checkPage(in.MaxResults, otherwise, most); err != nil {
		return s, err
	}
	if err := c.filter(in.Filter, &s); err != nil {
		return s, err
	}
	if len(in.OrderBy) > maxOrderKeys {
		return s, fail(InvalidParameterValue, "Invalid order_by: more than %d keys", maxOrderKeys)
	}
	for _, text := range in.OrderBy {
		key, err := parseOrder(text)
		if err != nil {
			return s, err
		}
		name := key.Key
		if name == "timestamp" { // an old name that clients still send
			name = "last_updated_timestamp"
		}
		if !attributePrefix(key.Kind) || !slices.Contains(c.order, name) {
			return s, fail(InvalidParameterValue, "Invalid order by key '%s' specified. Valid keys are %v", clip(text), c.order)
		}
		if slices.ContainsFunc(s.OrderBy, func(have catalog.Order) bool { return have.Column == name }) {
			return s, fail(InvalidParameterValue, "`order_by` contains duplicate fields: %v", in.OrderBy)
		}
		s.OrderBy = append(s.OrderBy, catalog.Order{Column: name, Desc: key.Desc})
	}
	_, err = readToken(in.PageToken, in.query(), &s.After)
	return s, err
}

// query is what a page token belongs to.
func (in *searchRegistryRequest) query() any { return []any{in.Filter, in.OrderBy} }

func attributePrefix(kind string) bool {
	return kind == "" || kind == "attribute" || kind == "attributes" || kind == "attr"
}

func (c registryColumns) filter(text string, s *catalog.Search) error {
	parsed, err := parseFilter(text)
	if err != nil {
		return err
	}
	s.NotTagged = catalog.Tag{Key: tagIsPrompt, Value: "true"}
	for _, one := range parsed {
		tag := one.Kind == "tag" || one.Kind == "tags"
		if !tag && !attributePrefix(one.Kind) {
			return fail(InvalidParameterValue, "Invalid entity type '%s'. Valid entity types are attribute and tag", clip(one.Kind))
		}
		if tag && one.Key == tagIsPrompt {
			// Models do not have this tag: what asks for no prompts asks for all models.
			if one.Op == "=" && strings.EqualFold(one.Value.Text, "true") || one.Op == "!=" && strings.EqualFold(one.Value.Text, "false") {
				s.NotTagged = catalog.Tag{}
				s.Where = append(s.Where, catalog.Match{Tag: tagIsPrompt, Op: "=", Value: "true"})
			}
			continue
		}
		m, err := c.match(one, tag)
		if err != nil {
			return err
		}
		s.Where = append(s.Where, m)
	}
	return nil
}

func (c registryColumns) match(one comparison, tag bool) (catalog.Match, error) {
	m := catalog.Match{Op: one.Op}
	allowed := []string{"=", "!=", "LIKE", "ILIKE"}
	switch {
	case tag:
		m.Tag = one.Key
	case !slices.Contains(c.where, one.Key):
		return m, fail(InvalidParameterValue, "Invalid attribute key '%s' specified. Valid keys are %v", clip(one.Key), c.where)
	case slices.Contains(c.numbers, one.Key):
		m.Column, allowed = one.Key, []string{"=", "!=", "<", "<=", ">", ">="}
	case one.Key == "name" || one.Key == "run_id":
		m.Column, allowed = one.Key, append(allowed, "IN", "NOT IN")
	default:
		m.Column = one.Key
	}
	if !slices.Contains(allowed, one.Op) {
		return m, fail(InvalidParameterValue, "Invalid comparator for %s: %s. Valid ones are %v", clip(one.Key), one.Op, allowed)
	}
	switch {
	case one.List != nil:
		m.Value = one.List
	case slices.Contains(c.numbers, m.Column):
		n, err := strconv.ParseInt(one.Value.Text, 10, 64)
		if err != nil {
			return m, fail(InvalidParameterValue, "Invalid value for numeric attribute '%s': '%s'", one.Key, clip(one.Value.Text))
		}
		m.Value = n
	case !one.Value.Quoted:
		return m, fail(InvalidParameterValue, "Expected a quoted string value for %s (e.g. 'my-value'). Got value %s", clip(one.Key), clip(one.Value.Text))
	default:
		m.Value = one.Value.Text
	}
	return m, nil
}

type registeredModelsAnswer struct {
	Models []registeredModel `json:"registered_models,omitempty"`
	Next   string            `json:"next_page_token,omitempty"`
}

func (a *API) searchRegisteredModels(ctx context.Context, in *searchRegistryRequest) (registeredModelsAnswer, error) {
	s, err := modelColumns().search(in, 100, 1000)
	if err != nil {
		return registeredModelsAnswer{}, err
	}
	found, next, err := a.cfg.Catalog.SearchRegisteredModels(ctx, s)
	if err != nil {
		return registeredModelsAnswer{}, err
	}
	var out registeredModelsAnswer
	for _, r := range found {
		out.Models = append(out.Models, asRegistered(r))
	}
	if next != nil {
		out.Next, err = nextToken(in.query(), next)
	}
	return out, err
}

func (a *API) searchVersions(ctx context.Context, in *searchRegistryRequest) (versionsAnswer, error) {
	s, err := versionColumns().search(in, 10_000, 200_000)
	if err != nil {
		return versionsAnswer{}, err
	}
	found, next, err := a.cfg.Catalog.SearchVersions(ctx, s)
	if err != nil {
		return versionsAnswer{}, err
	}
	out := versionsAnswer{Versions: asVersions(found)}
	if next != nil {
		out.Next, err = nextToken(in.query(), next)
	}
	return out, err
}

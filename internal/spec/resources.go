package spec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// Bounds of Resources and priorities.
const (
	MaxResources = 8
	MaxCount     = 1024
	MaxPriority  = 1024
)

// resourcePattern is what names of resources look like.
const resourcePattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`

// Resources are counts, by name, of what models on a device share.
type Resources map[string]int

// IsResource tells whether s can name a resource: 1 to 63 letters, digits, dots,
// dashes and underscores that begin with a letter or digit.
func IsResource(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return s != "" && len(s) <= 63 && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+"._-") == ""
}

func (c *checker) resources(field string, r Resources) {
	if len(r) > MaxResources {
		c.bad(field, fmt.Sprintf("%d names are not allowed", len(r)), fmt.Sprintf("up to %d", MaxResources))
		return
	}
	for _, name := range sortedKeys(r) {
		if !IsResource(name) {
			c.bad(join(field, name), "this name is not allowed", "1 to 63 letters, digits, dots, dashes and underscores that begin with a letter or digit")
			continue
		}
		c.whole(join(field, name), int64(r[name]), closed(1, MaxCount))
	}
}

func resourcesSchema() *jsonschema.Schema {
	most := uint64(MaxResources)
	return &jsonschema.Schema{
		Type: "object", MaxProperties: &most, AdditionalProperties: jsonschema.FalseSchema,
		PatternProperties: map[string]*jsonschema.Schema{
			resourcePattern: {Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(MaxCount))},
		},
	}
}

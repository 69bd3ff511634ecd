package mlflow

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of the protocol, in characters unless said otherwise.
const (
	maxKey            = 250
	maxParamValue     = 6000
	maxRunTagValue    = 8000
	maxTagValue       = 5000 // of experiments, registered models and model versions
	maxExperimentName = 500
	maxDatasetName    = 500
	maxDatasetDigest  = 36
	maxResults        = 50000 // of a search
)

var (
	validKey = regexp.MustCompile(`^[/\w.\- :]*$`)
	validID  = regexp.MustCompile(`^[a-zA-Z0-9][\w\-]{0,255}$`)
)

func missing(parameter string) error {
	return fail(InvalidParameterValue, "Missing value for required parameter '%s'. See the API docs for more information about request parameters.", parameter)
}

// required checks pairs of a parameter and its value.
func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return missing(pairs[i])
		}
	}
	return nil
}

func invalidValue(parameter, value, why string) error {
	return fail(InvalidParameterValue, "Invalid value '%s' for parameter '%s' supplied: %s", clip(value), parameter, why)
}

// within bounds a text.
func within(parameter, value string, most int) error {
	if n := utf8.RuneCountInString(value); n > most {
		return fail(InvalidParameterValue, "'%s' exceeds the maximum length of %d characters: it has %d", parameter, most, n)
	}
	return nil
}

// checkKey accepts what can name a metric, a param or a tag. Keys become file
// names in other stores, so they are clean relative paths.
func checkKey(parameter, key string) error {
	switch {
	case key == "":
		return missing(parameter)
	case !validKey.MatchString(key):
		return invalidValue(parameter, key, "names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colons (:) and slashes (/)")
	case path.Clean(key) != key || key == "." || strings.HasPrefix(key, "..") || strings.HasPrefix(key, "/"):
		return invalidValue(parameter, key, "names may be treated as files in certain cases, and must not resolve to other names when treated as such")
	}
	return within(parameter, key, maxKey)
}

// checkID accepts the id of a run or a logged model.
func checkID(parameter, id string) error {
	if id == "" {
		return missing(parameter)
	}
	if !validID.MatchString(id) {
		return invalidValue(parameter, id, "want letters, digits, '_' and '-', at most 256")
	}
	return nil
}

// checkPage is the number of results of a page: otherwise, where none is given.
func checkPage(given *integer, otherwise, most int) (int, error) {
	if given == nil {
		return otherwise, nil
	}
	if *given < 1 || int64(*given) > int64(most) {
		return 0, fail(InvalidParameterValue, "Invalid value %d for parameter 'max_results' supplied: It must be at least 1 and at most %d", *given, most)
	}
	return int(*given), nil
}

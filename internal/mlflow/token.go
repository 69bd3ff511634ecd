package mlflow

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// pageToken is a place in a list and the list it belongs to. A token is opaque to
// clients; it is not secret and grants nothing.
type pageToken struct {
	Of [8]byte         `json:"of"` // of the query
	At json.RawMessage `json:"at"`
}

func queryHash(query any) ([8]byte, error) {
	text, err := json.Marshal(query)
	if err != nil {
		return [8]byte{}, fmt.Errorf("encode a page token: %w", err)
	}
	sum := sha256.Sum256(text)
	return [8]byte(sum[:8]), nil
}

// nextToken is the token for the page after the place at, in the list that query selects.
func nextToken(query, at any) (string, error) {
	of, err := queryHash(query)
	if err != nil {
		return "", err
	}
	place, err := json.Marshal(at)
	if err != nil {
		return "", fmt.Errorf("encode a page token: %w", err)
	}
	text, err := json.Marshal(pageToken{of, place})
	if err != nil {
		return "", fmt.Errorf("encode a page token: %w", err)
	}
	return base64.URLEncoding.EncodeToString(text), nil
}

// readToken reads a token into at and tells whether there is one. A token of another
// query would point nowhere, so it is refused.
func readToken(token string, query, at any) (bool, error) {
	if token == "" {
		return false, nil
	}
	of, err := queryHash(query)
	if err != nil {
		return false, err
	}
	bad := fail(InvalidParameterValue, "Invalid page token '%s'", clip(token))
	text, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return false, bad
	}
	var t pageToken
	if json.Unmarshal(text, &t) != nil || json.Unmarshal(t.At, at) != nil {
		return false, bad
	}
	if t.Of != of {
		return false, fail(InvalidParameterValue, "Invalid page token '%s': it belongs to a search with other parameters", clip(token))
	}
	return true, nil
}

package governance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/internal/contract"
)

// Bounds of a message, in bytes. Messages end up in workflow histories and on terminals.
const (
	MaxMessage = 64 << 10
	maxName    = 256 // ids and names of people
	maxReason  = 4096
)

// DecodeDecision reads the payload of a decide signal or update. It is strict:
// a flat JSON object of known fields, each once and a string; decision_id,
// approver and decision must be there. Whether the decision counts, Tally.Consider tells.
func DecodeDecision(raw []byte) (contract.Decision, error) {
	m, err := fields(raw, "decision_id", "release_id", "candidate_digest", "decision", "approver", "reason", "issued_at", "signature")
	if err != nil {
		return contract.Decision{}, fmt.Errorf("read decision: %w", err)
	}
	at, err := m.check("decision_id", "approver", "decision")
	if err != nil {
		return contract.Decision{}, fmt.Errorf("read decision: %w", err)
	}
	return contract.Decision{
		ID: m["decision_id"], Release: m["release_id"], Candidate: m["candidate_digest"], Decision: m["decision"],
		Approver: m["approver"], Reason: m["reason"], IssuedAt: at, Signature: m["signature"],
	}, nil
}

// DecodeControl reads the payload of a pause, resume, promote or abort signal
// as strictly as DecodeDecision; id and by must be there.
func DecodeControl(raw []byte) (contract.Control, error) {
	m, err := fields(raw, "id", "release_id", "by", "reason", "issued_at", "signature")
	if err != nil {
		return contract.Control{}, fmt.Errorf("read control signal: %w", err)
	}
	at, err := m.check("id", "by")
	if err != nil {
		return contract.Control{}, fmt.Errorf("read control signal: %w", err)
	}
	return contract.Control{
		ID: m["id"], Release: m["release_id"], By: m["by"], Reason: m["reason"], IssuedAt: at, Signature: m["signature"],
	}, nil
}

// message is a flat JSON object of strings.
type message map[string]string

// fields reads raw token by token: encoding/json on its own would take a key in
// any case, and the last of two. It depends on raw alone; the checker stumbles
// over what reflection, deep inside encoding/json, may call.
//
//workflowcheck:ignore
func fields(raw []byte, known ...string) (message, error) {
	switch {
	case len(raw) > MaxMessage:
		return nil, fmt.Errorf("%d bytes are too many; want up to %d", len(raw), MaxMessage)
	case !utf8.Valid(raw):
		return nil, errors.New("the text is not UTF-8; want a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	m := message{}
	for dec.More() {
		token, err := dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("not valid JSON; want an object of strings")
		}
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown field %s; want %s", short(key), strings.Join(known, ", "))
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("%s is given twice", key)
		}
		token, err = dec.Token()
		value, ok := token.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s must be a string", key)
		}
		m[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errors.New("the JSON object does not end")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return m, nil
}

// check looks at every value and reads the time, the zero time when none is given.
func (m message) check(required ...string) (time.Time, error) {
	for _, name := range required {
		if strings.TrimSpace(m[name]) == "" {
			return time.Time{}, fmt.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"decision_id", "id", "release_id", "candidate_digest", "decision", "approver", "by", "signature"} {
		if v := m[name]; len(v) > maxName || strings.IndexFunc(v, unicode.IsControl) >= 0 {
			return time.Time{}, fmt.Errorf("%s is %s; want up to %d bytes without control characters", name, short(v), maxName)
		}
	}
	if v := m["reason"]; len(v) > maxReason || strings.IndexFunc(v, isTerminalControl) >= 0 {
		return time.Time{}, fmt.Errorf("reason is %s; want up to %d bytes without control characters", short(v), maxReason)
	}
	text, given := m["issued_at"]
	if !given {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	at = at.UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 { // an offset may lead out of the years that JSON can write
		return time.Time{}, fmt.Errorf("issued_at is %s; want a time such as 2026-01-31T12:00:00Z", short(text))
	}
	return at, nil
}

// isTerminalControl is a control character other than those that lay out text.
func isTerminalControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func short(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return strconv.Quote(s)
}

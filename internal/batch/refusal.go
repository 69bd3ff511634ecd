package batch

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of a batch.
var (
	// ErrPlan says that a batch can't be done as it was asked for: a column is missing, a key is personal.
	ErrPlan = errors.New("the batch can't be done so")
	// ErrRefused says that more rows were refused than may be.
	ErrRefused = errors.New("too many rows are refused")
)

// Refusal is a row that has no prediction, and why.
type Refusal struct {
	Row int64  `json:"row"` // number in the data version, from 1
	Why string `json:"why"`
}

// maxRefusals is how many refusals are told of each shard.
const maxRefusals = 5

// Counts is what came of a shard's rows.
type Counts struct {
	Rows    int64 `json:"rows"`
	Refused int64 `json:"refused"`
	// Refusals are the first of them.
	Refusals []Refusal `json:"refusals,omitempty"`
}

// refuse notes a refusal; over the limit it is an ErrRefused.
func (c *Counts) refuse(row int64, why string, limit int64) error {
	c.Refused++
	if len(c.Refusals) < maxRefusals {
		c.Refusals = append(c.Refusals, Refusal{row, why})
	}
	if c.Refused > limit {
		return TooMany(c.Refused, limit, c.Refusals)
	}
	return nil
}

// TooMany is the ErrRefused that names rows.
func TooMany(refused, limit int64, refusals []Refusal) error {
	told := make([]string, len(refusals))
	for i, r := range refusals {
		told[i] = fmt.Sprintf("row %d: %s", r.Row, r.Why)
	}
	return fmt.Errorf("%w: %d or more, %d are allowed (max_refused_rows): %s", ErrRefused, refused, limit, strings.Join(told, "; "))
}

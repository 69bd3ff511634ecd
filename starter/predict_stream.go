package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of a stream.
const (
	maxLine     = 1 << 20 // bytes of a line
	mostGrouped = 4096    // lines of a request, as the gateway takes them
	mostSent    = 256     // requests at once
)

// streamLine is one line of the input.
type streamLine struct {
	number int64 // from 1, blank lines counted
	text   []byte
	bad    string // why it is no row
}

// streamed is what becomes of a line: one line of the output.
type streamed struct {
	Line          int64                      `json:"line"`
	Keys          map[string]json.RawMessage `json:"keys,omitempty"`
	Prediction    json.RawMessage            `json:"prediction,omitempty"`
	Probabilities json.RawMessage            `json:"probabilities,omitempty"`
	Model         string                     `json:"model,omitempty"`
	Version       string                     `json:"version,omitempty"`
	Error         string                     `json:"error,omitempty"`
}

// lineGroup is some lines that share a request.
type lineGroup struct {
	lines []streamLine
	done  chan []streamed // one entry a line, once; closed without where the stream ends early
}

// runStream predicts line by line. Lines go in groups of those that have arrived,
// a bounded number of groups at a time, and the answers come out in the order of
// the lines. A line that can't be predicted is an error on its line alone.
func (a *app) runStream(ctx context.Context, o PredictOptions) error {
	if err := o.checkStream(); err != nil {
		return err
	}
	in, err := a.openStream(o.Input)
	if err != nil {
		return err
	}
	defer in.Close()
	asker, err := a.newAsker(o)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	lines := make(chan streamLine, o.Group)
	order := make(chan lineGroup, o.InFlight) // answered or not: what bounds the reading
	report := a.streamReport()
	read := make(chan error, 1) // nobody waits for an input that yields nothing once the stream has failed
	go func() {
		defer close(lines)
		read <- readLines(ctx, in, lines)
	}()
	work.Go(func() error {
		defer close(order)
		return o.send(ctx, lines, order, asker)
	})
	work.Go(func() error { return a.writeStream(ctx, order, report) })
	if err = work.Wait(); err == nil {
		err = <-read
	}
	failed, all := report.end()
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of %d lines have no prediction: their lines of the output say why", failed, all)
	}
	return nil
}

func (o PredictOptions) checkStream() error {
	switch {
	case o.InFlight < 1 || o.InFlight > mostSent:
		return usagef("--in-flight %d: want 1 to %d", o.InFlight, mostSent)
	case o.Group < 1 || o.Group > mostGrouped:
		return usagef("--group %d: want 1 to %d", o.Group, mostGrouped)
	case o.Timeout <= 0:
		return usagef("--timeout %s: want a positive duration, as 30s", o.Timeout)
	}
	return nil
}

func (a *app) openStream(input string) (io.ReadCloser, error) {
	switch {
	case input == "" || input == "-":
		return io.NopCloser(a.stdin), nil
	case strings.HasPrefix(input, "@"):
		f, err := os.Open(input[1:])
		if err != nil {
			return nil, fmt.Errorf("read the input: %w", err)
		}
		return f, nil
	}
	return nil, usagef("--stream reads lines: give --input @FILE, or - for standard input, which it reads without --input too")
}

// readLines cuts the input into lines. One that is too long is bad, and the reading goes on behind it.
func readLines(ctx context.Context, in io.Reader, lines chan<- streamLine) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for number := int64(1); ; number++ {
		text, long, err := readStreamLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the input: %w", err)
		}
		line := streamLine{number: number, text: bytes.TrimSpace(text)}
		switch {
		case long:
			line.text, line.bad = nil, fmt.Sprintf("the line has more than %d bytes", maxLine)
		case len(line.text) > 0 && !json.Valid(line.text):
			line.bad = "the line is not JSON: want a row as an object, or as a list of numbers"
		case len(line.text) > 0 && line.text[0] != '{' && line.text[0] != '[':
			line.bad = "the line is no row: want an object of column and value, or a list of numbers"
		}
		if len(line.text) > 0 || line.bad != "" {
			select {
			case lines <- line:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// readStreamLine reads to the end of a line, of which it keeps as much as a line may have.
func readStreamLine(r *bufio.Reader) (text []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(text)+len(part) > maxLine {
			text, long = nil, true
		} else if !long {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, long, err
		}
	}
}

// send asks for groups of lines: all that have arrived, up to the most that share a request.
func (o PredictOptions) send(ctx context.Context, lines <-chan streamLine, order chan<- lineGroup, asker *asker) error {
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(o.InFlight)
	for first := range lines {
		g := lineGroup{lines: []streamLine{first}, done: make(chan []streamed, 1)}
	more:
		for len(g.lines) < o.Group {
			select {
			case line, ok := <-lines:
				if !ok {
					break more
				}
				g.lines = append(g.lines, line)
			default:
				break more
			}
		}
		select {
		case order <- g:
		case <-ctx.Done():
			return errors.Join(asking.Wait(), ctx.Err())
		}
		asking.Go(func() error {
			answers, err := asker.answer(ctx, g.lines)
			if err != nil {
				close(g.done)
				return err
			}
			g.done <- answers
			return nil
		})
	}
	return asking.Wait()
}

// writeStream writes the answers in the order of the lines.
func (a *app) writeStream(ctx context.Context, order <-chan lineGroup, report *streamReport) error {
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for g := range order {
		var answers []streamed
		var ok bool
		select {
		case answers, ok = <-g.done:
		case <-ctx.Done():
		}
		if !ok {
			return out.Flush() // whoever failed says why
		}
		for i := range answers {
			if err := enc.Encode(&answers[i]); err != nil {
				return fmt.Errorf("write the answers: %w", err)
			}
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write the answers: %w", err)
		}
		report.add(answers)
	}
	return nil
}

// streamReport counts, and draws on a terminal.
type streamReport struct {
	out         io.Writer // nil: draws nothing
	began, last time.Time
	all, failed int64
}

func (a *app) streamReport() *streamReport {
	r := &streamReport{began: time.Now()}
	if a.terminal(a.stderr) && !a.terminal(a.stdout) {
		r.out = a.stderr
	}
	return r
}

func (r *streamReport) add(answers []streamed) {
	for i := range answers {
		r.all++
		if answers[i].Error != "" {
			r.failed++
		}
	}
	if r.out != nil && time.Since(r.last) > lookEvery {
		r.last = time.Now()
		r.draw()
	}
}

func (r *streamReport) draw() {
	fmt.Fprintf(r.out, "\r%d lines, %d failed, %.0f lines/s ", r.all, r.failed, float64(r.all)/max(time.Since(r.began).Seconds(), 1e-3))
}

func (r *streamReport) end() (failed, all int64) {
	if r.out != nil {
		r.draw()
		fmt.Fprintln(r.out)
	}
	return r.failed, r.all
}

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"go.temporal.io/sdk/client"

	"github.com/slipway-ml/slipway/internal/contract"
)

func batchWatchCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "watch MODEL/N",
		Short: "Watch a batch to its end",
		Long: `Draws a bar on a terminal; elsewhere prints a line for each phase and each tenth of
the rows, with -o json one JSON document. Ends with the batch: exit code 0 if it
is completed, 3 if it was cancelled or refused too many rows, 1 if it failed.
Ctrl-C ends the watching, never the batch.`,
		Example: "  slipway batch watch credit-risk/1",
		Args:    takes("MODEL/N"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := parseBatch(args[0])
			if err != nil {
				return err
			}
			return a.withTemporal(cmd.Context(), func(c client.Client) error { return a.watchBatch(cmd.Context(), c, name, "") })
		},
	}
}

func (a *app) batchScreen() screen[batchView] {
	switch {
	case a.json():
		return &batchLines{out: a.stdout, errors: a.stderr, print: func(v batchView) { _ = a.printLine(v) }} // a closed pipe ends the program by itself
	case a.terminal(a.stdout):
		return newBatchDrawing(a.stdout)
	}
	return &batchLines{out: a.stdout, errors: a.stderr, print: func(v batchView) {
		fmt.Fprintf(a.stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), batchText(v))
	}}
}

// batchText says where a batch stands, on one line.
func batchText(v batchView) string {
	text := string(v.Phase)
	if v.Rows > 0 {
		text += fmt.Sprintf(": %d of %d rows, %d of %d shards", v.done(), v.Rows, v.ShardsDone, v.Shards)
	}
	if v.RowsPerSecond > 0 {
		text += fmt.Sprintf(", %.0f rows/s", v.RowsPerSecond)
	}
	if left := v.left(); left > 0 {
		text += ", " + span(left) + " left"
	}
	if v.Refused > 0 {
		text += fmt.Sprintf(", %d refused", v.Refused)
	}
	return clean(text)
}

// watchBatch shows a batch until it ends.
func (a *app) watchBatch(ctx context.Context, c client.Client, name batchName, run string) error {
	w := watching[contract.BatchStatus, batchView]{
		client: c, id: name.id(), run: run, screen: a.batchScreen(),
		read: func(ctx context.Context) (batchView, error) { return readBatch(ctx, c, name) },
		ended: func(last batchView, result contract.BatchStatus, end error) (batchView, error) {
			return batchEnded(name, last, result, end)
		},
	}
	v, end, err := w.follow(ctx, batchView{Batch: name.String()})
	if err != nil {
		return err
	}
	a.concludeBatch(v)
	return batchError(v, end)
}

// concludeBatch tells the end.
func (a *app) concludeBatch(v batchView) {
	if a.json() {
		return
	}
	phase := string(v.Phase)
	if a.colored() {
		phase = paint(phase)
	}
	what := v.Reason
	if v.Output != nil {
		what = fmt.Sprintf("%s of %s are in %s@%d", count64(v.Rows-v.Refused, "prediction"), count64(v.Rows, "row"), v.Output.Name, v.Output.Version)
		if v.Existed {
			what += ", which was there before"
		}
	}
	fmt.Fprintf(a.stdout, "batch %s: %s: %s\n", v.Batch, phase, clean(what))
}

// batchLines prints what has changed.
type batchLines struct {
	out, errors io.Writer
	print       func(batchView)
	last        batchView
	any         bool
}

func (l *batchLines) update(v batchView) {
	tenth := func(v batchView) int64 { return 10 * v.done() / max(v.Rows, 1) }
	if l.any && v.Phase == l.last.Phase && tenth(v) == tenth(l.last) && v.Refused == l.last.Refused {
		return
	}
	l.last, l.any = v, true
	l.print(v)
}

func (l *batchLines) note(text string) { fmt.Fprintln(l.errors, "slipway: "+clean(text)) }
func (l *batchLines) close()           {}

// batchDrawing is a bar of rows.
type batchDrawing struct {
	progress *mpb.Progress
	bar      *mpb.Bar

	mu   sync.Mutex // the bar reads the view while it changes
	view batchView
}

func newBatchDrawing(out io.Writer, options ...mpb.ContainerOption) *batchDrawing {
	d := &batchDrawing{}
	d.progress = mpb.New(append(options, mpb.WithOutput(out), mpb.WithRefreshRate(150*time.Millisecond))...)
	style := mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("░").Rbound("")
	d.bar = d.progress.New(1, style, mpb.BarWidth(barWidth), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return "  " + batchText(d.view)
	})))
	return d
}

func (d *batchDrawing) update(v batchView) {
	d.mu.Lock()
	trouble := v.Trouble != "" && v.Trouble != d.view.Trouble
	d.view = v
	d.mu.Unlock()
	if trouble {
		d.note(v.Trouble)
	}
	if v.Rows > 0 {
		d.bar.SetTotal(v.Rows+1, false) // full means completed
		d.bar.SetCurrent(v.done())
		if v.Phase == contract.BatchCompleted {
			d.bar.SetTotal(v.Rows, true)
		}
	}
}

func (d *batchDrawing) note(text string) { fmt.Fprintln(d.progress, "slipway: "+clean(text)) }

func (d *batchDrawing) close() {
	d.bar.Abort(false) // one that is complete stays so
	d.progress.Wait()
}

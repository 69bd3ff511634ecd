package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/slipway-ml/slipway/internal/contract"
)

// drawing is the screen on a terminal: a bar for each gate, the canary's as
// long as its share of the traffic. What happens besides is printed above.
type drawing struct {
	progress *mpb.Progress
	bars     map[contract.Gate]*mpb.Bar
	color    bool

	mu   sync.Mutex // the bars read the view while it changes
	view view
}

// whole is a bar's full length: the canary counts in thousandths of the traffic.
const whole = 1000

// barWidth is a bar's length in characters.
const barWidth = 20

func newDrawing(out io.Writer, color bool, options ...mpb.ContainerOption) *drawing {
	d := &drawing{color: color, bars: map[contract.Gate]*mpb.Bar{}}
	d.progress = mpb.New(append(options, mpb.WithOutput(out), mpb.WithRefreshRate(150*time.Millisecond))...)
	style := mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("░").Rbound("")
	for _, gate := range contract.Gates() {
		d.bars[gate] = d.progress.New(whole, style, mpb.BarWidth(barWidth),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return d.left(gate) })),
			mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return d.right(gate, s.AvailableWidth-barWidth) })))
	}
	return d
}

func (d *drawing) left(name contract.Gate) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := fmt.Sprintf("%-8s", d.view.gate(name).State)
	if d.color {
		state = paint(string(d.view.gate(name).State)) + state[len(d.view.gate(name).State):]
	}
	return fmt.Sprintf("%-11s %s ", name, state)
}

// right cuts the text to the room there is; else the bar would have to give way.
func (d *drawing) right(name contract.Gate, room int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.view.gate(name)
	return runewidth.Truncate(fmt.Sprintf(" %6s  %s", gateTime(g, time.Now()), gateText(d.view, g)), max(room-2, 8), "…")
}

func (d *drawing) update(v view) {
	d.mu.Lock()
	before := d.view
	d.view = v
	d.mu.Unlock()
	for _, line := range above(before, v) {
		d.print(line)
	}
	for name, bar := range d.bars {
		switch g := v.gate(name); {
		case g.State == contract.GatePassed:
			bar.SetCurrent(whole)
		case g.State == contract.GateStopped:
			bar.Abort(false)
		case name == contract.GateCanary && v.Canary != nil:
			bar.SetCurrent(int64(min(v.Canary.Permille, whole-1))) // full means passed
		}
	}
}

// above is what the bars don't tell.
func above(before, now view) []string {
	now.Gates, before.Gates = nil, nil
	for _, v := range []*view{&before, &now} {
		if v.Canary != nil {
			v.Canary = &contract.CanaryStatus{Messages: v.Canary.Messages}
		}
	}
	if before.Canary == nil {
		before.Canary = &contract.CanaryStatus{}
	}
	return changes(before, now)
}

func (d *drawing) note(text string) { d.print("slipway: " + clean(text)) }

func (d *drawing) print(line string) {
	fmt.Fprintln(d.progress, line) // fails only once the drawing is closed
}

func (d *drawing) close() {
	for _, bar := range d.bars {
		bar.Abort(false) // those that are complete stay so
	}
	d.progress.Wait()
}

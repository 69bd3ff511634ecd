package main

import (
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/slipway-ml/slipway/artifacts"
)

// progress draws a bar of bytes on a terminal, with a count of the given things before it,
// and nothing elsewhere. The caller calls done when the work has ended.
func (a *app) progress(what, things string) (tell func(artifacts.Progress), done func()) {
	if !a.terminal(a.stderr) {
		return nil, func() {}
	}
	return newByteBar(what, things, time.Now, mpb.WithOutput(a.stderr))
}

// newByteBar begins a bar now. Its speed is the mean since then.
func newByteBar(what, things string, now func() time.Time, options ...mpb.ContainerOption) (tell func(artifacts.Progress), done func()) {
	bars := mpb.New(options...)
	var mu sync.Mutex
	var last artifacts.Progress
	files := decor.Any(func(decor.Statistics) string {
		mu.Lock()
		defer mu.Unlock()
		return count64(last.Files, things) + "  "
	})
	began := now()
	speed := decor.Any(func(s decor.Statistics) string {
		return "  " + size(int64(float64(s.Current)/max(now().Sub(began).Seconds(), 1e-3))) + "/s"
	})
	bar := bars.AddBar(0, mpb.BarWidth(30), mpb.PrependDecorators(decor.Name(what+"  "), files),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f"), speed))
	tell = func(p artifacts.Progress) {
		mu.Lock()
		last = p
		mu.Unlock()
		bar.SetTotal(max(p.BytesTotal, p.Bytes), false)
		bar.SetCurrent(p.Bytes)
	}
	return tell, func() {
		bar.SetTotal(-1, true)
		bars.Wait()
	}
}

package dataset

import "sync"

// round is the work on one batch: workers take tasks until none is left or can
// come. So a rule runs as soon as the columns that it speaks of are read, while
// others are still at work on other columns.
type round struct {
	mu    sync.Mutex
	moved *sync.Cond // tasks came, or nobody is at work any more
	tasks []roundTask
	busy  int // workers that are at a task
}

// roundTask is work that one worker does, and gives what can be done after it.
type roundTask func(part *scanPart) (next []roundTask)

func newRound() *round {
	r := &round{}
	r.moved = sync.NewCond(&r.mu)
	return r
}

// run does the tasks, and those that they lead to, with one worker for each part. Those that are last in the list are begun first.
func (r *round) run(tasks []roundTask, parts []*scanPart) {
	r.tasks = tasks
	var wg sync.WaitGroup
	for _, part := range parts[1:] {
		wg.Go(func() { r.work(part) })
	}
	r.work(parts[0])
	wg.Wait()
}

func (r *round) work(part *scanPart) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		last := len(r.tasks) - 1
		switch {
		case last >= 0:
			task := r.tasks[last]
			r.tasks = r.tasks[:last]
			r.busy++
			r.mu.Unlock()
			next := task(part)
			r.mu.Lock()
			r.busy--
			r.tasks = append(r.tasks, next...)
			if len(next) > 0 || r.busy == 0 {
				r.moved.Broadcast()
			}
		case r.busy == 0:
			return
		default:
			r.moved.Wait()
		}
	}
}

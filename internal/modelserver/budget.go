package modelserver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/internal/sandbox"
)

// budget is the processor time that the processes of a model may use, one after the other.
type budget struct {
	most  time.Duration // 0: any
	used  atomic.Int64  // nanoseconds, of processes that have ended
	spent atomic.Bool   // no process is to follow
}

// left is what the next process may use; 0: any.
func (b *budget) left() time.Duration {
	if b.most == 0 {
		return 0
	}
	return max(b.most-time.Duration(b.used.Load()), 1)
}

// take counts a process that has ended with this error. The kernel counts in whole
// seconds, and more coarsely than it tells: less than one is not worth a start.
func (b *budget) take(usage sandbox.Usage, err error) {
	if b.most == 0 {
		return
	}
	used := time.Duration(b.used.Add(int64(usage.CPU)))
	var death *sandbox.Death
	if b.most-used < time.Second || errors.As(err, &death) && death.Cause == sandbox.CauseCPU {
		b.spent.Store(true)
	}
}

// String says that it is spent.
func (b *budget) String() string {
	return fmt.Sprintf("its process has used up the %s of processor time that it may have, and is not started again", b.most)
}

package stats_test

import (
	"fmt"

	"github.com/slipway-ml/slipway/internal/stats"
)

// A canary is compared with its baseline after every batch of requests. The
// level shrinks from look to look, so looking often costs no false alarms.
func ExampleAlphaSpend() {
	looks := []struct{ failA, nA, failB, nB int64 }{
		{1, 50, 3, 950}, {4, 100, 5, 1900}, {9, 150, 8, 2850},
	}
	for i, l := range looks {
		p, err := stats.FisherGreater(l.failA, l.nA, l.failB, l.nB)
		if err != nil {
			fmt.Println(err)
			return
		}
		level := stats.AlphaSpend(0.01, i+1)
		fmt.Printf("look %d: p = %.2g, level %.2g, regression %v\n", i+1, p, level, p <= level)
	}
	// Output:
	// look 1: p = 0.19, level 0.005, regression false
	// look 2: p = 0.00061, level 0.0017, regression true
	// look 3: p = 2.7e-08, level 0.00083, regression true
}

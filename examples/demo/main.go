// Command demo releases the credit-risk example four times while a client sends
// real rows through the gateway, and checks that each release ends as it should.
//
// It drives the binaries that users drive: slipwayd dev and slipway.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/slipway-ml/slipway/examples/live"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	bin := flag.String("bin", "bin", "folder of slipway and slipwayd")
	state := flag.String("state", filepath.Join(".slipway", "demo"), "state folder; emptied first")
	rate := flag.Int("rate", 150, "predictions a second that the client sends")
	leave := flag.Bool("leave", term.IsTerminal(int(os.Stdout.Fd())), "leave the stack up until Ctrl-C at the end")
	flag.Parse()

	d, err := startStack(ctx, *bin, *state)
	if err != nil {
		return err
	}
	defer d.stop()
	fmt.Printf("Slipway is up: gateway %s, control %s, Temporal UI %s\n", d.stack.GatewayHTTP, d.stack.Control, d.stack.UI)

	rows, err := live.ReadRows(filepath.Join("examples", "credit-risk", "data", "live.csv"), "risk")
	if err != nil {
		return err
	}
	client := live.New(d.stack.GatewayHTTP, rows)
	streamCtx, stopStream := context.WithCancel(ctx)
	defer stopStream()
	streamed := make(chan struct{})
	go func() { defer close(streamed); client.Stream(streamCtx, *rate) }()

	started := time.Now()
	var results []result
	for _, s := range scenes() {
		r, err := d.release(ctx, s, client)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	took := time.Since(started)
	stopStream()
	<-streamed

	printTable(os.Stdout, d.stack, results)
	total := client.Total()
	fmt.Printf("\n%d predictions while releasing (%d more were refused while nothing was in production yet), %d errors. Four releases in %.0f s.\n",
		total.OK+total.Failed, total.Early, total.Failed, took.Seconds())
	var bad []error
	for _, r := range results {
		bad = append(bad, r.problems...)
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("not all releases ended as described:\n%w", err)
	}
	fmt.Println("All four releases ended as described.")
	if *leave {
		fmt.Printf("The stack stays up: open %s or %s. Ctrl-C stops it.\n", d.stack.Control, d.stack.UI)
		<-ctx.Done()
	}
	return nil
}

package gateway

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// What is counted is what a framer wrote as DATA, wherever a read ends.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 5, 1, 9, 0, 0, 4, 200, 0, 255}, uint8(7))
	f.Fuzz(func(t *testing.T, plan []byte, read uint8) {
		var sent bytes.Buffer
		sent.WriteString(http2.ClientPreface)
		framer := http2.NewFramer(&sent, nil)
		want := int64(0)
		for i := 0; i+1 < len(plan); i += 2 {
			kind, length := http2.FrameType(plan[i]%10), 97*int(plan[i+1])
			require.NoError(t, framer.WriteRawFrame(kind, http2.Flags(plan[i]), uint32(i), make([]byte, length)))
			if kind == http2.FrameData {
				want += int64(length)
			}
		}
		counter, got := newFrames(), int64(0)
		for sent.Len() > 0 {
			got += counter.data(sent.Next(1 + int(read)))
		}
		require.Equal(t, want, got)
	})
}

// BenchmarkArrival is what it takes to look after a call.
func BenchmarkArrival(b *testing.B) {
	a := newArrivals(newBudget(1<<28), 8<<20)
	a.streams[inferMethod] = false
	conn := &arrivalConn{arrivals: a, frames: newFrames()}
	parent, cancel := context.WithCancel(peer.NewContext(context.Background(), &peer.Peer{AuthInfo: conn}))
	defer cancel()
	read := func(any) error { return nil }
	info := &tap.Info{FullMethodName: inferMethod}
	b.ReportAllocs()
	for b.Loop() {
		ctx, err := a.begin(parent, info)
		if err != nil {
			b.Fatal(err)
		}
		call := ctx.Value(arrivalKey{}).(*arrival)
		call.attach(ctx)
		if err := call.receive(read, nil); err != nil {
			b.Fatal(err)
		}
		call.cancel()
	}
}

package gateway

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// What is found is what a framer wrote, wherever a read ends.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 5, 1, 9, 0, 0, 4, 200, 0, 255, 9, 1, 3, 1, 8, 3}, uint8(7))
	f.Fuzz(func(t *testing.T, plan []byte, read uint8) {
		var sent bytes.Buffer
		sent.WriteString(http2.ClientPreface)
		framer := http2.NewFramer(&sent, nil)
		framer.AllowIllegalWrites = true
		want, got := map[uint32]int{}, map[uint32]int{}
		var wantSeen, seen []frameEvent
		events := func(e frameEvent) {
			if e.opened || e.ended || e.reset {
				wantSeen = append(wantSeen, e)
			}
		}
		for i := 0; i+1 < len(plan); i += 2 {
			kind, flags, stream, length := http2.FrameType(plan[i]%10), http2.Flags(plan[i]), uint32(1+i%3), 97*int(plan[i+1])
			switch kind {
			case http2.FrameData:
				if pad := min(length, 255) / 2; flags&flagPadded != 0 {
					require.NoError(t, framer.WriteDataPadded(stream, false, make([]byte, length), make([]byte, pad)))
				} else {
					require.NoError(t, framer.WriteRawFrame(kind, flags, stream, make([]byte, length)))
				}
				want[stream] += length
				continue
			case http2.FrameHeaders:
				events(frameEvent{stream: stream, opened: flags&flagEndHeaders != 0, ended: flags&flagEndStream != 0})
			case http2.FrameContinuation:
				events(frameEvent{stream: stream, opened: flags&flagEndHeaders != 0})
			case http2.FrameRSTStream:
				events(frameEvent{stream: stream, reset: true})
			}
			require.NoError(t, framer.WriteRawFrame(kind, flags, stream, make([]byte, length)))
		}
		reader := newFrames()
		for sent.Len() > 0 {
			for p := sent.Next(1 + int(read)); len(p) > 0; {
				n, event := reader.step(p)
				require.Positive(t, n)
				p = p[n:]
				got[event.stream] += len(event.data)
				if event.opened || event.ended || event.reset {
					seen = append(seen, event)
				}
			}
		}
		delete(got, 0)
		delete(want, 0)
		require.Equal(t, want, got)
		require.Equal(t, wantSeen, seen)
	})
}

// BenchmarkArrival is what it takes to look after a call.
func BenchmarkArrival(b *testing.B) {
	a := newArrivals(newBudget(1<<28), func(string, metadata.MD) error { return nil })
	a.streams[inferMethod] = false
	conn := newArrivalConn(nil, a)
	parent, cancel := context.WithCancel(peer.NewContext(context.Background(), &peer.Peer{AuthInfo: conn}))
	defer cancel()
	message := make([]byte, 5+100)
	message[4] = 100
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
		conn.arrived(0, message)
		if err := call.receive(read, nil); err != nil {
			b.Fatal(err)
		}
		call.cancel()
		conn.over(0)
	}
}

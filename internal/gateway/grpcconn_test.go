package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

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

// A connection whose client does not read that its calls are over keeps what came for them, until it is closed.
func TestConnectionThatIsNotReadIsClosed(t *testing.T) {
	t.Parallel()
	a := newArrivals(newBudget(1<<10), func(string, metadata.MD) error { return nil })
	a.streams[inferMethod] = false
	now := time.Now()
	a.now = func() time.Time { return now }
	require.True(t, a.connections.take())
	server, client := net.Pipe()
	conn := newArrivalConn(server, a)
	begin := func(stream uint32) *arrival {
		t.Helper()
		conn.opened = stream
		ctx, err := a.begin(peer.NewContext(t.Context(), &peer.Peer{AuthInfo: conn}), &tap.Info{FullMethodName: inferMethod})
		require.NoError(t, err)
		return ctx.Value(arrivalKey{}).(*arrival)
	}
	small, large := begin(1), begin(3)
	message := make([]byte, 2<<10)
	message[3] = 0xff
	conn.arrived(1, message[:100])
	conn.arrived(3, message)
	a.look()
	require.Error(t, small.Err(), "it has waited the longest")
	require.Error(t, large.Err())
	now = now.Add(lookEvery)
	a.look()
	require.Equal(t, int64(2), a.calls.Load(), "the answers may be on their way")

	conn.over(3) // this one was read
	now = now.Add(1)
	a.look()
	require.Equal(t, int64(1), a.calls.Load(), "what is left fits")
	conn.arrived(1, message)
	a.look()
	require.Zero(t, a.calls.Load())
	require.Zero(t, a.connections.open.Load())
	_, err := client.Read(message)
	require.ErrorIs(t, err, io.EOF)
}

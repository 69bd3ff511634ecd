package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"

	"github.com/slipway-ml/slipway/internal/oip"
	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

const (
	inferMethod  = "/inference.GRPCInferenceService/ModelInfer"
	streamMethod = "/inference.GRPCInferenceService/ModelStreamInfer"
	checkMethod  = "/grpc.health.v1.Health/Check"
)

// staller is a client that begins messages and does not end them, and answers no pings.
type staller struct {
	conn   net.Conn
	framer *http2.Framer
	next   uint32
	ended  chan codes.Code // of each call that the server ended
	closed chan struct{}   // when the server has closed the connection
}

func newStaller(t testing.TB, address string, ended chan codes.Code) *staller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte(http2.ClientPreface))
	require.NoError(t, err)
	s := &staller{conn: conn, framer: http2.NewFramer(conn, conn), next: 1, ended: ended, closed: make(chan struct{})}
	s.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	require.NoError(t, s.framer.WriteSettings())
	go func() {
		defer close(s.closed)
		for {
			f, err := s.framer.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := f.(*http2.MetaHeadersFrame); ok {
				for _, field := range h.Fields {
					if code, err := strconv.ParseUint(field.Value, 10, 32); field.Name == "grpc-status" && err == nil {
						ended <- codes.Code(code)
					}
				}
			}
		}
	}()
	return s
}

// open begins a call, with more headers, as name and value.
func (s *staller) open(t testing.TB, method string, more ...string) uint32 {
	t.Helper()
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	all := append([]string{":method", "POST", ":scheme", "http", ":path", method, ":authority", "slipway", "content-type", "application/grpc", "te", "trailers"}, more...)
	for i := 0; i+1 < len(all); i += 2 {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]}))
	}
	id := s.next
	s.next += 2
	require.NoError(t, s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers.Bytes(), EndHeaders: true}))
	return id
}

// message sends what gRPC puts before a message of size bytes, and the first of these.
func (s *staller) message(t testing.TB, stream uint32, size, sent int) {
	t.Helper()
	message := make([]byte, messagePrefix+sent)
	binary.BigEndian.PutUint32(message[1:], uint32(size))
	const frame = 16 << 10
	for len(message) > 0 {
		n := min(frame, len(message))
		require.NoError(t, s.framer.WriteData(stream, false, message[:n]))
		message = message[n:]
	}
}

// stall begins a call whose message has size bytes, and sends the first of them.
func (s *staller) stall(t testing.TB, method string, size, sent int) {
	t.Helper()
	s.message(t, s.open(t, method), size, sent)
}

// holds is what the calls that wait for their messages hold.
func (t *arrivals) holds() (bytes, calls int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.mu.Lock()
		bytes += c.held
		calls += c.waiting
		c.mu.Unlock()
	}
	return bytes, calls
}

// However many calls send a part of their message, what gRPC holds of them stays below the bound; those that end are
// told, and others go on.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	t.Parallel()
	const limit, size, connections, perConnection = 16 << 20, 1 << 20, 25, 4 // as many as a connection's window has room for
	const sent = size - 64<<10
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), func(c *Config) { c.MaxHeld, c.MaxBody = limit, size })
	g.await(t, "1.0.0", 0)
	ended := make(chan codes.Code, connections*perConnection)
	client := g.inference(t)
	for i := range connections {
		s := newStaller(t, g.grpc, ended)
		for j := range perConnection {
			s.stall(t, []string{inferMethod, streamMethod}[(i+j)%2], size, sent)
		}
	}
	const most = limit / sent // calls that may go on
	require.Eventually(t, func() bool { return len(ended) >= connections*perConnection-most }, patience, time.Millisecond)
	for range len(ended) {
		require.Equal(t, codes.Unavailable, <-ended)
	}
	require.Eventually(t, func() bool {
		held, calls := g.Gateway.grpc.arrivals.holds()
		return held <= limit && calls <= most
	}, patience, time.Millisecond)
	_, err := client.ModelInfer(context.Background(), &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(rows(t, "test.csv")[0])})
	require.NoError(t, err)
}

// open lets everybody ask, and has nothing to say.
type open struct{ oip.Backend }

func (open) Authorized(string) bool { return true }

func (open) Infer(context.Context, oip.Request) (oip.Response, error) {
	return oip.Response{}, oip.Errorf(oip.NotFound, "no model")
}

// serveGRPC is a server by itself whose clock the test moves on.
func serveGRPC(t testing.TB, cfg grpcConfig) (s *grpcServer, address string, past *atomic.Int64) {
	t.Helper()
	cfg.maxMessage = 1 << 20
	s = newGRPC(cfg)
	past = new(atomic.Int64)
	begun := time.Now()
	s.arrivals.now = func() time.Time { return begun.Add(time.Duration(past.Load())) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.server.Serve(l) }()
	t.Cleanup(s.server.Stop)
	return s, l.Addr().String(), past
}

// A call whose message does not come whole in time is ended, and told. A stream may have nothing to ask for long; once it
// has begun to, it has as long.
func TestUnfinishedMessagesTimeOut(t *testing.T) {
	t.Parallel()
	s, address, past := serveGRPC(t, grpcConfig{backend: open{}, held: newBudget(64 << 20)})
	state := func(calls, held int64) {
		t.Helper()
		require.Eventually(t, func() bool { h, waiting := s.arrivals.holds(); return waiting == calls && h == held }, patience, time.Millisecond)
	}
	const part = messagePrefix + messageOverhead // and what came of the message itself
	ended := make(chan codes.Code, 10)
	c := newStaller(t, address, ended)
	c.stall(t, inferMethod, 100, 10)
	c.stall(t, checkMethod, 100, 0)
	c.stall(t, streamMethod, 100, 10)
	c.open(t, streamMethod)
	later, halfway := c.open(t, streamMethod), c.open(t, streamMethod)
	c.message(t, later, 0, 0)
	c.message(t, halfway, 0, 0)
	require.NoError(t, c.framer.WriteData(halfway, false, []byte{0, 0})) // not even a length
	state(6, 3*part+20+messageOverhead+2)
	past.Store(int64(readTimeout))
	s.arrivals.look()
	state(6, 3*part+20+messageOverhead+2)
	c.stall(t, inferMethod, 100, 10)
	c.message(t, later, 100, 10)
	state(7, 5*part+40+messageOverhead+2)
	past.Add(1)
	s.arrivals.look()
	for range 4 {
		require.Equal(t, codes.DeadlineExceeded, <-ended)
	}
	state(3, 2*part+20)
	require.Zero(t, len(ended))
	past.Add(int64(readTimeout))
	s.arrivals.look()
	require.Equal(t, []codes.Code{codes.DeadlineExceeded, codes.DeadlineExceeded}, []codes.Code{<-ended, <-ended})
	state(1, 0)
	require.Zero(t, len(ended), "a stream may be idle")
}

// A message that has come whole does not count any more, nor does a stream that waits for the next.
func TestWholeMessagesDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promote(t, w.stage(t, "1.0.0"))
	g := w.start(t, t.TempDir(), nil)
	g.await(t, "1.0.0", 0)
	request := &inferencepb.ModelInferRequest{ModelName: model, Inputs: typedInputs(rows(t, "test.csv")[0])}
	client := g.inference(t)
	stream, err := client.ModelStreamInfer(context.Background())
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, stream.Send(request))
		_, err = stream.Recv()
		require.NoError(t, err)
		_, err = client.ModelInfer(context.Background(), request)
		require.NoError(t, err)
	}
	arrivals := g.Gateway.grpc.arrivals
	require.Eventually(t, func() bool { held, calls := arrivals.holds(); return held == 0 && calls == 1 }, patience, time.Millisecond)
}

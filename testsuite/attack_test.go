package testsuite

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// TestAttacks sends a gateway process what no client sends. Each time it answers with a client's error or closes the connection,
// goes on to answer others, and needs little memory.
func TestAttacks(t *testing.T) { //nolint:paralleltest // its memory is measured while it is busy
	var p *process
	at := gatewayAlone(t, func(started *process) { p = started; p.start() })
	_, rows := applicants(t, 1, nil)
	delete(rows[0], "risk")
	good, err := json.Marshal(map[string]any{"input": rows[0]})
	require.NoError(t, err)
	predict := func() int {
		resp, err := http.Post(at.GatewayHTTP+"/predict", "application/json", bytes.NewReader(good)) //nolint:noctx // a test
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	require.Eventually(t, func() bool { return predict() == http.StatusOK }, time.Minute, 10*time.Millisecond)
	t.Run("HTTP", func(t *testing.T) { attackHTTP(t, strings.TrimPrefix(at.GatewayHTTP, "http://")) }) //nolint:paralleltest // one after the other
	t.Run("gRPC", func(t *testing.T) { attackGRPC(t, at.GatewayGRPC) })                                //nolint:paralleltest // as above
	require.Eventually(t, func() bool { return predict() == http.StatusOK }, time.Minute, 10*time.Millisecond)
	require.True(t, p.alive())
	most := peakMemory(t, p)
	t.Logf("at most %d MiB", most>>20)
	require.Less(t, most, int64(1500<<20), "requests may hold 256 MiB, and as much again twice until the garbage is collected")
}

// peakMemory is the most that a process had resident.
func peakMemory(t testing.TB, p *process) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(b), "VmHWM:")
	require.True(t, found)
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return n << 10
}

// exchange sends bytes and reads all that comes back until the server closes.
func exchange(t testing.TB, address, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	go func() { _, _ = io.WriteString(conn, sent) }() // it may be refused before it is all sent
	got, err := io.ReadAll(conn)
	var late net.Error
	require.False(t, errors.As(err, &late) && late.Timeout(), "no answer, and the connection is open: %.100q", sent)
	return string(got)
}

func attackHTTP(t *testing.T, address string) {
	const end = "Connection: close\r\n\r\n"
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n" + end + body
	}
	infer := "/v2/models/" + model + "/infer"
	for name, c := range map[string]struct{ sent, want string }{
		"two lengths":        {"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", "400"},
		"negative length":    {"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nabcd", "400"},
		"length overflows":   {"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabcd", "400"},
		"encodings":          {"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501"},
		"space before colon": {"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
		"chunk extensions":   {"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + end + strings.Repeat("1;"+strings.Repeat("a", 4000)+"\r\nx\r\n", 2000) + "0\r\n\r\n", "400"},
		"chunk overflows":    {"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + end + "fffffffffffffffff\r\nx", "400"},
		"trailers":           {"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + end + "0\r\n" + strings.Repeat("X: y\r\n", 100_000) + "\r\n", "400"},
		"headers":            {"GET /v2 HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 100_000) + "\r\n", "431"},
		"long line":          {"GET /" + strings.Repeat("a", 10_000_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"HTTP/2":             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
		"two hosts":          {"GET /v2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"NUL":                {"GET /v2 HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n", "400"},
		"expects":            {"POST /predict HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n" + end, "417"},
		"name with NUL":      {post("/v2/models/"+model+"%00/infer", "", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`), "404"},
		"version leads up":   {post("/v2/models/"+model+"/versions/..%2f1.0.0/infer", "", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`), "404"},
		"name not UTF-8":     {post("/v2/models/%ff%fe/infer", "", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`), "404"},
		"packed twice":       {post(infer, "Content-Encoding: gzip\r\n", pack(t, pack(t, "{}"))), "400"},
		"100,000 files":      {post(infer, "Content-Encoding: gzip\r\n", strings.Repeat(pack(t, " "), 100_000)), "400"},
		"length sent twice":  {post(infer, "Inference-Header-Content-Length: 2\r\nInference-Header-Content-Length: 1\r\n", "{}"), "400"},
		"huge exponent":      {post(infer, "", `{"inputs":[{"name":"age","datatype":"FP32","shape":[1,1],"data":[1e99999999999999999999]}]}`), "400"},
		"long number":        {post(infer, "", `{"inputs":[{"name":"age","datatype":"INT64","shape":[1,1],"data":[`+strings.Repeat("1", 100_000)+`]}]}`), "400"},
		"long shape":         {post(infer, "", `{"inputs":[{"name":"age","datatype":"FP32","shape":[`+strings.Repeat("1,", 1_000_000)+`1],"data":[1]}]}`), "400"},
		"not UTF-8":          {post(infer, "", "{\"inputs\":[{\"name\":\"\xff\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]}"), "400"},
		"what follows":       {post(infer, "", `{"inputs":[]} {}`), "400"},
	} {
		got := exchange(t, address, c.sent)
		require.True(t, strings.HasPrefix(got, "HTTP/1.1 "+c.want), "%s: %.200q", name, got)
		require.Less(t, len(got), 5000, name)
	}
	got := exchange(t, address, strings.Repeat("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n", 2000)+"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n"+end)
	require.Equal(t, 2001, strings.Count(got, "HTTP/1.1 200 OK"), "pipelined")

	// Small requests that become large, many at once.
	var keys strings.Builder
	for i := range 600_000 {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	for name, sent := range map[string]string{
		"bomb":    post(infer, "Content-Encoding: gzip\r\n", pack(t, strings.Repeat(" ", 8<<20))),
		"columns": post("/predict", "", `{"input":{`+keys.String()+`"k":1}}`),
		"rows":    post("/predict", "", `{"input":[`+strings.Repeat("[],", 2_700_000)+`[]]}`),
	} {
		var clients sync.WaitGroup
		for range 30 {
			clients.Go(func() {
				if got := exchange(t, address, sent); !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 503") {
					t.Errorf("%s: %.200q", name, got)
				}
			})
		}
		clients.Wait()
	}

	// Connections that send nothing more.
	for range 1000 {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close() //nolint:revive // they stay until the test has ended
		_, err = io.WriteString(conn, "POST /predict HTTP/1.1\r\nHo")
		require.NoError(t, err)
	}
	require.Contains(t, exchange(t, address, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n"+end), "200 OK")
}

func pack(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// rawHTTP2 is a client that sends what it likes.
type rawHTTP2 struct {
	framer   *http2.Framer
	statuses chan map[string]string // the headers of each answer
	closed   chan struct{}
}

func dialHTTP2(t testing.TB, address string) *rawHTTP2 {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	c := &rawHTTP2{framer: http2.NewFramer(conn, conn), statuses: make(chan map[string]string, 100), closed: make(chan struct{})}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.AllowIllegalWrites = true
	require.NoError(t, c.framer.WriteSettings())
	go func() {
		defer close(c.closed)
		for {
			f, err := c.framer.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := f.(*http2.MetaHeadersFrame); ok {
				answer := map[string]string{}
				for _, field := range h.Fields {
					answer[field.Name] = field.Value
				}
				select {
				case c.statuses <- answer:
				default: // nobody wants to know
				}
			}
		}
	}()
	return c
}

// headers are those of a call, and more or others.
func headers(t testing.TB, more ...string) []byte {
	t.Helper()
	all := []string{":method", "POST", ":scheme", "http", ":path", "/inference.GRPCInferenceService/ModelInfer", ":authority", "x", "content-type", "application/grpc", "te", "trailers"}
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(all); i += 2 {
		value := all[i+1]
		for j := 0; j+1 < len(more); j += 2 {
			if more[j] == all[i] {
				value, more = more[j+1], append(append([]string{}, more[:j]...), more[j+2:]...)
				break
			}
		}
		require.NoError(t, e.WriteField(hpack.HeaderField{Name: all[i], Value: value, Sensitive: true}))
	}
	for j := 0; j+1 < len(more); j += 2 {
		require.NoError(t, e.WriteField(hpack.HeaderField{Name: more[j], Value: more[j+1], Sensitive: true}))
	}
	return b.Bytes()
}

// framed is a message as gRPC sends it.
func framed(compressed byte, message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{compressed}, uint32(len(message))), message...)
}

func attackGRPC(t *testing.T, address string) {
	answer := func(c *rawHTTP2) map[string]string {
		t.Helper()
		select {
		case a := <-c.statuses:
			return a
		case <-c.closed:
			t.Fatal("closed without an answer")
		case <-time.After(time.Minute):
			t.Fatal("no answer")
		}
		return nil
	}
	gone := func(c *rawHTTP2, what string) {
		t.Helper()
		select {
		case <-c.closed:
		case <-time.After(time.Minute):
			t.Fatal(what)
		}
	}
	for name, c := range map[string]struct {
		more   []string
		data   []byte
		status string // of HTTP
		code   codes.Code
	}{
		"not gRPC":             {[]string{"content-type", "text/html"}, framed(0, ""), "415", codes.InvalidArgument},
		"other subtype":        {[]string{"content-type", "application/grpc+json"}, framed(0, "{}"), "200", codes.Internal},
		"GET":                  {[]string{":method", "GET"}, framed(0, ""), "405", codes.Internal},
		"no path":              {[]string{":path", "/"}, framed(0, ""), "200", codes.Unimplemented},
		"path leads up":        {[]string{":path", "/../inference.GRPCInferenceService/ModelInfer"}, framed(0, ""), "200", codes.Unimplemented},
		"bad timeout":          {[]string{"grpc-timeout", "soon"}, framed(0, ""), "400", codes.Internal},
		"encoding not said":    {nil, framed(1, "xx"), "200", codes.Internal},
		"unknown encoding":     {[]string{"grpc-encoding", "zip"}, framed(1, "xx"), "200", codes.Unimplemented},
		"length overflows":     {nil, []byte{0, 0xff, 0xff, 0xff, 0xff}, "200", codes.ResourceExhausted},
		"no protobuf":          {nil, framed(0, "\xff\xff\xff"), "200", codes.Internal},
		"two messages":         {nil, append(framed(0, ""), framed(0, "")...), "200", codes.Internal},
		"half a message":       {nil, framed(0, "abc")[:6], "200", codes.Internal},
		"compressed, a bomb":   {[]string{"grpc-encoding", "gzip"}, framed(1, pack(t, strings.Repeat("\x00", 64<<20))), "200", codes.ResourceExhausted},
		"negative raw lengths": {nil, framed(0, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "200", codes.Internal},
	} {
		conn := dialHTTP2(t, address)
		require.NoError(t, conn.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(t, c.more...), EndHeaders: true}))
		for rest := c.data; ; {
			n := min(len(rest), 16<<10)
			if err := conn.framer.WriteData(1, n == len(rest), rest[:n]); err != nil {
				break // it was refused
			}
			if rest = rest[n:]; len(rest) == 0 {
				break
			}
		}
		a := answer(conn)
		require.Equal(t, []string{c.status, strconv.Itoa(int(c.code))}, []string{a[":status"], a["grpc-status"]}, "%s: %v", name, a)
	}

	// Calls that are reset as soon as they are made (CVE-2023-44487).
	resets := dialHTTP2(t, address)
	block := headers(t)
	for i := range uint32(100_000) {
		if resets.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block, EndHeaders: true}) != nil || resets.framer.WriteRSTStream(2*i+1, http2.ErrCodeCancel) != nil {
			break // it may be closed
		}
	}
	// Headers that do not end (CVE-2023-45288), and those that are too many.
	endless := dialHTTP2(t, address)
	require.NoError(t, endless.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block}))
	more := headers(t, "x", strings.Repeat("y", 15<<10))
	for range 100_000 {
		if endless.framer.WriteContinuation(1, false, more) != nil {
			break
		}
	}
	gone(endless, "headers that do not end")
	// Pings, and settings that nobody acknowledges.
	pings := dialHTTP2(t, address)
	for range 10_000 {
		if pings.framer.WritePing(false, [8]byte{}) != nil {
			break
		}
	}
	gone(pings, "a flood of pings")
	settings := dialHTTP2(t, address)
	for range 100_000 {
		if settings.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}) != nil {
			break
		}
	}
	// Another protocol, and a window that overflows.
	require.NotContains(t, exchange(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "200 OK")
	window := dialHTTP2(t, address)
	for range 3 {
		_ = window.framer.WriteWindowUpdate(0, 1<<31-1)
	}
	// Whoever comes then is served.
	last := dialHTTP2(t, address)
	require.NoError(t, last.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(t, ":path", "/inference.GRPCInferenceService/ServerLive"), EndHeaders: true}))
	require.NoError(t, last.framer.WriteData(1, true, framed(0, "")))
	require.Equal(t, "200", answer(last)[":status"])
}

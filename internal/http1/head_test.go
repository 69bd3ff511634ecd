package http1

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// infer is a head as h2load sends it.
const infer = "POST /v2/models/credit-risk/infer HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: h2load nghttp2/1.52.0\r\ncontent-type: application/json\r\nContent-Length: 412\r\n\r\n"

func TestParseHead(t *testing.T) {
	t.Parallel()
	h, ok := parseHead(infer)
	require.True(t, ok)
	require.Equal(t, head{
		method: "POST", path: "/v2/models/credit-risk/infer", host: "127.0.0.1:8080", length: 412,
		header: http.Header{"User-Agent": {"h2load nghttp2/1.52.0"}, "Content-Type": {"application/json"}, "Content-Length": {"412"}},
	}, h)
	h, ok = parseHead("GET /v2/health/ready HTTP/1.1\r\nHost: a\r\nAccept:  text/plain \t\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n")
	require.True(t, ok)
	require.Equal(t, head{
		method: "GET", path: "/v2/health/ready", host: "a",
		header: http.Header{"Accept": {"text/plain", "*/*"}, "Connection": {"keep-alive"}},
	}, h)
}

// unusual are heads that are net/http's to judge.
func unusual() map[string]string {
	with := func(field string) string { return "POST /predict HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n" }
	line := func(line string) string { return line + "\r\nHost: a\r\n\r\n" }
	return map[string]string{
		"nothing":               "\r\n\r\n",
		"another protocol":      "PRI * HTTP/2.0\r\n\r\n",
		"an older protocol":     line("POST /predict HTTP/1.0"),
		"another method":        line("PUT /predict HTTP/1.1"),
		"a method in small":     line("post /predict HTTP/1.1"),
		"HEAD":                  line("HEAD /health HTTP/1.1"),
		"no path":               line("POST  HTTP/1.1"),
		"a whole address":       line("GET http://a/health HTTP/1.1"),
		"another authority":     line("GET //a/health HTTP/1.1"),
		"a query":               line("GET /health?x=1 HTTP/1.1"),
		"an escape":             line("GET /v2/models/%61 HTTP/1.1"),
		"a blank in the path":   line("GET /a b HTTP/1.1"),
		"no host":               "POST /predict HTTP/1.1\r\n\r\n",
		"two hosts":             with("Host: b"),
		"a host with a path":    "POST /predict HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"chunks":                with("Transfer-Encoding: chunked"),
		"chunks and a length":   with("Content-Length: 3\r\nTransfer-Encoding: chunked"),
		"two lengths":           with("Content-Length: 3\r\nContent-Length: 4"),
		"equal lengths":         with("Content-Length: 3\r\nContent-Length: 3"),
		"a length with a sign":  with("Content-Length: +3"),
		"a length below zero":   with("Content-Length: -3"),
		"a length in hex":       with("Content-Length: 0x3"),
		"two lengths in one":    with("Content-Length: 3, 3"),
		"no length":             with("Content-Length:"),
		"a length too large":    with("Content-Length: 18446744073709551619"),
		"GET with a body":       "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
		"who waits for a word":  with("Expect: 100-continue"),
		"who goes afterwards":   with("Connection: close"),
		"who wants more":        with("Connection: Upgrade, HTTP2-Settings"),
		"a folded field":        with("X-A: b\r\n c"),
		"a field with no name":  with(": b"),
		"a field with no colon": with("X-A"),
		"a blank after a name":  with("Content-Length : 3"),
		"a lone line feed":      "POST /predict HTTP/1.1\nHost: a\r\n\r\n",
		"a line feed in a name": with("X-A\nContent-Length: 3"),
		"a return in a value":   with("X-A: b\rContent-Length: 3"),
		"a zero byte":           with("X-A: b\x00"),
		"bytes beyond ASCII":    with("X-A: \xc3\xa9"),
	}
}

func TestParseHeadLeavesToNetHTTP(t *testing.T) {
	t.Parallel()
	for name, text := range unusual() {
		_, ok := parseHead(text)
		require.False(t, ok, name)
	}
}

// What is taken here, net/http takes too, and understands the same.
func FuzzParseHead(f *testing.F) {
	f.Add(infer)
	for _, text := range unusual() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i := strings.Index(text, "\r\n\r\n")
		if i < 0 {
			return
		}
		text = text[:i+4]
		h, ok := parseHead(text)
		if !ok {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		require.NoError(t, err)
		require.Equal(t, r.Method, h.method)
		require.Equal(t, r.URL.Path, h.path)
		require.Equal(t, r.RequestURI, h.path)
		require.Equal(t, r.URL.String(), h.path)
		require.Equal(t, r.Host, h.host)
		require.Equal(t, r.ContentLength, h.length)
		require.Equal(t, r.Header, h.header)
		require.Empty(t, r.TransferEncoding)
		require.False(t, r.Close)
	})
}

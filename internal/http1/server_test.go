package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limits are those of an http.Server.
type limits struct{ head, body, write, idle time.Duration }

// serve starts a server with h, and net/http's own beside it.
func serve(t *testing.T, most limits, h http.HandlerFunc) (ours, theirs string) {
	t.Helper()
	start := func(serve func(net.Listener) error, stop func() error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- serve(l) }()
		t.Cleanup(func() {
			require.NoError(t, stop())
			require.ErrorIs(t, <-done, http.ErrServerClosed)
		})
		return l.Addr().String()
	}
	rest := func() *http.Server {
		return &http.Server{
			Handler: h, ErrorLog: log.New(io.Discard, "", 0),
			ReadHeaderTimeout: most.head, ReadTimeout: most.body, WriteTimeout: most.write, IdleTimeout: most.idle,
		}
	}
	one, other := New(rest()), rest()
	return start(one.Serve, one.Close), start(other.Serve, other.Close)
}

// dial connects to a server. The connection is closed with the test.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// talk sends bytes, says that nothing follows, and gives the answers back, a text each.
func talk(t *testing.T, addr string, sent ...string) []string {
	t.Helper()
	c := dial(t, addr)
	go func() {
		for _, s := range sent {
			_, _ = io.WriteString(c, s) // the server may have closed
		}
		_ = c.CloseWrite()
	}()
	var out []string
	for r := bufio.NewReader(c); ; {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return out
		}
		body, err := io.ReadAll(answer.Body)
		answer.Header.Del("Date")
		var fields bytes.Buffer
		require.NoError(t, answer.Header.Write(&fields))
		out = append(out, fmt.Sprintf("%s %s close %v length %d %v\n%s\n%.100s (%d) %v", answer.Proto, answer.Status, answer.Close, answer.ContentLength, answer.TransferEncoding, fields.String(), body, len(body), err))
	}
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s %s %s %d %d %s", r.Method, r.Host, r.URL, r.RequestURI, r.Proto, r.ContentLength, len(r.Header), r.Header.Get("X-A")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
}

func post(body string) string {
	return "POST /a HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// Clients see the same answers as from net/http, whoever of the two gives them.
func TestAnswersAsNetHTTP(t *testing.T) {
	t.Parallel()
	get := "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	large := strings.Repeat("0123456789abcdef", 1<<14) // 256 KiB
	handlers := map[string]http.HandlerFunc{
		"echo":    echo,
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"no content": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			_, err := io.WriteString(w, "x")
			if !errors.Is(err, http.ErrBodyNotAllowed) {
				panic("written")
			}
		},
		"unread": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"closed": func(w http.ResponseWriter, r *http.Request) {
			_ = r.Body.Close()
			_, err := r.Body.Read(make([]byte, 1))
			if r.ContentLength > 0 && !errors.Is(err, http.ErrBodyReadAfterClose) {
				panic(err)
			}
		},
		"close": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
		"pieces": func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = io.WriteString(w, large)
			}
		},
		"length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(2*len(large)))
			_, _ = io.WriteString(w, large)
			_, _ = io.WriteString(w, large)
		},
		"more than said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			_, _ = io.WriteString(w, "x")
			if _, err := io.WriteString(w, "y"); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		},
		"less than said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		},
		"split": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-A", "b\r\nX-C: d")
			w.Header()["X B"] = []string{"c"}
		},
		"panic": func(http.ResponseWriter, *http.Request) { panic("at the disco") },
		"abort": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "x")
			panic(http.ErrAbortHandler)
		},
	}
	conversations := map[string][]string{
		"one":            {post("hello")},
		"several":        {get, post("hello"), post(""), get, post(large[:200<<10]), post("bye")},
		"at once":        {post("a") + post("b") + get, "", ""},
		"an empty line":  {post("a") + "\r\n", post("b")},
		"in bytes":       strings.Split(post("a"), ""),
		"much too large": {post(large + large), post("b")},
		"close":          {get, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
		"older":          {"GET /a HTTP/1.0\r\n\r\n"},
		"chunks":         {post("a"), "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", post("b")},
		"last":           {"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"},
		"a large head":   {"GET /a HTTP/1.1\r\nHost: a\r\nX-A: " + large[:8<<10] + "\r\n\r\n", get},
	}
	for name, text := range unusual() {
		conversations["unusual: "+name] = []string{post("a"), text}
	}
	// What was sent already when the server closes may take the answer back: who closes is asked one thing.
	closing := []string{"close", "more than said", "less than said", "panic", "abort"}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := serve(t, limits{}, h)
			for said, sent := range conversations {
				if said != "one" && slices.Contains(closing, name) {
					continue
				}
				require.Equal(t, talk(t, theirs, sent...), talk(t, ours, sent...), said)
			}
		})
	}
}

// A request is cancelled when its client goes, be its body read or not.
func TestClientGoes(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"closes", "closes its half"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			begun, ended := make(chan struct{}), make(chan struct{})
			addr, _ := serve(t, limits{}, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				begun <- struct{}{}
				<-r.Context().Done()
				close(ended)
			})
			c := dial(t, addr)
			_, err := io.WriteString(c, post("a"))
			require.NoError(t, err)
			<-begun
			if how == "closes" {
				require.NoError(t, c.Close())
			} else {
				require.NoError(t, c.CloseWrite())
			}
			<-ended
		})
	}
}

// A request's context ends with it, and the next request of the connection has another.
func TestContextOfARequest(t *testing.T) {
	t.Parallel()
	var contexts []context.Context
	addr, _ := serve(t, limits{}, func(_ http.ResponseWriter, r *http.Request) { contexts = append(contexts, r.Context()) })
	talk(t, addr, post("a"), post("b"))
	require.Len(t, contexts, 2)
	<-contexts[0].Done()
	<-contexts[1].Done()
	require.NotSame(t, contexts[0], contexts[1])
}

// Whoever takes too long loses the connection; a handler that waits for the rest of a body is told, and may answer.
func TestLimits(t *testing.T) {
	t.Parallel()
	const short, long = 100 * time.Millisecond, time.Hour
	for name, c := range map[string]struct {
		limits limits
		sent   []string
		want   string
	}{
		"silent":           {limits{head: short, idle: long}, nil, ""},
		"half a head":      {limits{head: short, idle: long}, []string{post("a")[:20]}, ""},
		"half a next head": {limits{head: short, idle: long}, []string{post("a"), post("a")[:20]}, "HTTP/1.1 200 OK"},
		"half a body":      {limits{body: short, head: long}, []string{post("abc")[:len(post("abc"))-1]}, "HTTP/1.1 400 Bad Request"},
		"idle":             {limits{idle: short, head: long}, []string{post("a")}, "HTTP/1.1 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, c.limits, echo)
			conn := dial(t, addr)
			for _, s := range c.sent {
				_, err := io.WriteString(conn, s)
				require.NoError(t, err)
			}
			all, err := io.ReadAll(conn) // to its end
			require.NoError(t, err)
			line, _, _ := strings.Cut(string(all), "\r\n")
			require.Equal(t, c.want, line)
		})
	}
}

// A client that takes nothing holds its connection no longer than the limit.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	failed := make(chan error)
	addr, _ := serve(t, limits{write: 100 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	})
	c := dial(t, addr)
	_, err := io.WriteString(c, post("a"))
	require.NoError(t, err)
	require.Error(t, <-failed)
}

// Shutdown answers what has begun, closes what is idle, and takes nothing new.
func TestShutdown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	begun, finish := make(chan struct{}), make(chan struct{})
	s := New(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		if string(body) == "wait" {
			begun <- struct{}{}
			<-finish
		}
		_, _ = w.Write(body)
	})})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	var clients sync.WaitGroup
	ask := func(c net.Conn, body string) string {
		_, err := io.WriteString(c, post(body))
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		got, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return fmt.Sprint(string(got), " ", answer.Close)
	}
	quiet, busy, other := dial(t, l.Addr().String()), dial(t, l.Addr().String()), dial(t, l.Addr().String())
	require.Equal(t, "a false", ask(quiet, "a"))
	clients.Go(func() { require.Equal(t, "wait true", ask(busy, "wait")) })
	<-begun
	clients.Go(func() { // by net/http
		_, err := io.WriteString(other, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwait\r\n0\r\n\r\n")
		require.NoError(t, err)
		got, err := io.ReadAll(other)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(got), "\r\n\r\nwait"), string(got))
	})
	<-begun

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.Canceled, "two requests are in hand")
	_, err = quiet.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
	close(finish)
	require.NoError(t, s.Shutdown(context.Background()))
	clients.Wait()
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	require.ErrorIs(t, s.Serve(l), http.ErrServerClosed)
}

// A deadline for what a connection was at before does not end what it is at now.
func TestOldDeadline(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := New(&http.Server{Handler: http.HandlerFunc(echo)})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c := dial(t, l.Addr().String())
	r := bufio.NewReader(c)
	for range 100 {
		for _, own := range s.all(nil) {
			own.interrupt(own.steps.Load() - 1)
		}
		_, err := io.WriteString(c, post("a"))
		require.NoError(t, err)
		answer, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-done, http.ErrServerClosed)
}

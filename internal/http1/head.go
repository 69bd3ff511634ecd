package http1

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// maxHead is how many bytes the head of a request may have, the line of the request, its fields and the empty line.
const maxHead = 4 << 10

// head is what a request says before its body.
type head struct {
	method, path, host string
	header             http.Header
	length             int64 // of the body, in bytes
}

// parseHead reads a head, all of it: the last bytes are the empty line. False says that net/http has to decide what it is:
// a request of another form, or none. What it takes means the same to http.ReadRequest (RFC 9112, sections 2 to 6).
func parseHead(text string) (head, bool) {
	line, fields, _ := strings.Cut(text, "\r\n")
	var h head
	var ok bool
	if h.method, h.path, ok = parseLine(line); !ok {
		return h, false
	}
	fields = strings.TrimSuffix(fields, "\r\n") // the empty line
	n := strings.Count(fields, "\n")
	h.header = make(http.Header, n)
	values := make([]string, 0, n)
	var hosts, lengths int
	for fields != "" {
		line, fields, ok = strings.Cut(fields, "\r\n")
		if !ok {
			return h, false
		}
		name, value, ok := parseField(line)
		if !ok {
			return h, false
		}
		switch name {
		case "Host":
			h.host = value
			hosts++
			continue
		case "Content-Length":
			if h.length, ok = parseLength(value); !ok {
				return h, false
			}
			lengths++
		case "Connection":
			if value != "keep-alive" {
				return h, false
			}
		case "Transfer-Encoding", "Trailer", "Te", "Expect", "Upgrade", "Pragma", "Proxy-Connection", "Http2-Settings":
			return h, false
		}
		values = append(values, value)
		if h.header[name] != nil {
			h.header[name] = append(h.header[name], value)
		} else {
			h.header[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	return h, hosts == 1 && plain(h.host, &hostBytes) && lengths <= 1 && (h.method == http.MethodPost || lengths == 0)
}

// parseLine takes the line of a request apart.
func parseLine(line string) (method, path string, ok bool) {
	path, ok = strings.CutSuffix(line, " HTTP/1.1")
	if !ok {
		return "", "", false
	}
	method, path, _ = strings.Cut(path, " ")
	if method != http.MethodPost && method != http.MethodGet {
		return "", "", false
	}
	return method, path, strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && plain(path, &pathBytes)
}

// parseField takes a field apart. The name is in its canonical form.
func parseField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || name == "" || !plain(name, &nameBytes) {
		return "", "", false
	}
	value = strings.Trim(value, " \t")
	return textproto.CanonicalMIMEHeaderKey(name), value, plain(value, &valueBytes)
}

// parseLength reads a number of bytes: decimal digits, no sign, no leading zero but of 0 itself.
func parseLength(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 50)
	return int64(n), err == nil && strconv.FormatUint(n, 10) == s //nolint:gosec // of 50 bits
}

// plain says whether s has bytes of a set alone.
func plain(s string, set *[256]bool) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Sets of bytes, each a part of what RFC 9110 and RFC 3986 allow in that place.
var (
	pathBytes  = set(letters + "-._~/")
	hostBytes  = set(letters + "-.:[]")
	nameBytes  = set(letters + "!#$%&'*+-.^_`|~")
	valueBytes = visible()
)

func set(of string) (s [256]bool) {
	for i := range len(of) {
		s[of[i]] = true
	}
	return s
}

// visible are the bytes of ASCII that can be seen, the blank and the tabulator.
func visible() (s [256]bool) {
	s['\t'] = true
	for b := byte(' '); b <= '~'; b++ {
		s[b] = true
	}
	return s
}

package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// authorize lets a request through that carries the token; without a token to
// ask for, one that names this host by a loopback name or an address. A page
// that had its own name point here (DNS rebinding) would name itself.
func (s *Server) authorize(next http.Handler) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case s.cfg.Token == "" && !direct(r.Host):
			return &problem{http.StatusForbidden, "host " + clip(r.Host) + " is not loopback", "use http://127.0.0.1, or give slipwayd a token with --token-file"}
		case s.cfg.Token != "" && !sameSecret(sentToken(r), s.cfg.Token):
			// A browser asks for a password then; the API's clients ignore it.
			w.Header().Set("WWW-Authenticate", `Basic realm="slipway", charset="UTF-8"`)
			return &problem{http.StatusUnauthorized, "the token is missing or wrong", "send it as \"Authorization: Bearer TOKEN\" (slipway: --token-file or SLIPWAY_TOKEN_FILE); in a browser it is the password, with any user"}
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

func sentToken(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// sameSecret takes the same time whatever was sent; hashing hides the length too.
func sameSecret(sent, want string) bool {
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// direct tells whether a Host header is a loopback name or an address.
func direct(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// policy of our own pages: no script, nothing from elsewhere.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets what every answer has.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

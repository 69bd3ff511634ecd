package controlclient_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/internal/control/controlclient"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "127.0.0.1:8470", "ftp://a", "http://", "://"} {
		_, err := controlclient.New(bad, "")
		require.ErrorContains(t, err, "http://host:port", bad)
	}
	c, err := controlclient.New("https://host/below/", "")
	require.NoError(t, err)
	require.Equal(t, "https://host/below/releases/a%2Fb/1", c.URL("releases", "a/b", "1"))
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/info" {
			w.Write([]byte("<html>a proxy's page</html>"))
			return
		}
		http.Error(w, "bad gateway", http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	c, err := controlclient.New(server.URL, "")
	require.NoError(t, err)
	_, err = c.Models(t.Context(), "", "", 0)
	require.ErrorContains(t, err, "502 Bad Gateway")
	var answer *controlclient.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusBadGateway, answer.Status)
	_, err = c.Info(t.Context())
	require.ErrorContains(t, err, "read the answer of")
}

func TestErrorsCarryTheHint(t *testing.T) {
	t.Parallel()
	require.EqualError(t, &controlclient.Error{Message: "no", Hint: "do so"}, "no (do so)")
	require.EqualError(t, &controlclient.Error{Message: "no"}, "no")
}

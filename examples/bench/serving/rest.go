package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

// rest sends the row as JSON by HTTP.
type rest struct {
	host     *fasthttp.HostClient
	request  *fasthttp.Request
	response *fasthttp.Response
	read     func([]byte) (answer, error)
}

// patience bounds one answer.
const patience = 30 * time.Second

// dialREST makes clients that post a body to a path of address, host:port.
func dialREST(address, path string, body []byte, read func([]byte) (answer, error)) dial {
	return func() (client, error) {
		c := &rest{
			host:    &fasthttp.HostClient{Addr: address, MaxConns: 1, ReadTimeout: patience, WriteTimeout: patience, MaxIdemponentCallAttempts: 1},
			request: &fasthttp.Request{}, response: &fasthttp.Response{}, read: read,
		}
		c.request.SetRequestURI("http://" + address + path)
		c.request.Header.SetMethod(http.MethodPost)
		c.request.Header.SetContentType("application/json")
		c.request.SetBodyRaw(body)
		return c, nil
	}
}

func (c *rest) call() error {
	err := c.host.Do(c.request, c.response)
	// A server that closes connections now and then is not at fault: the row is sent again, and the time counts.
	if errors.Is(err, fasthttp.ErrConnectionClosed) {
		err = c.host.Do(c.request, c.response)
	}
	if err == nil && c.response.StatusCode() != http.StatusOK {
		err = fmt.Errorf("%d: %.300s", c.response.StatusCode(), c.response.Body())
	}
	return err
}

func (c *rest) ask() (answer, error) {
	if err := c.call(); err != nil {
		return nil, err
	}
	return c.read(c.response.Body())
}

func (c *rest) close() error {
	c.host.CloseIdleConnections()
	return nil
}

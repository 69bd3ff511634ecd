package process

import (
	"errors"
	"net"
	"strconv"
)

// Ports are n free ones of the loopback address.
func Ports(n int) (out []int, err error) {
	var all []net.Listener
	for range n {
		l, failed := net.Listen("tcp", "127.0.0.1:0")
		if failed != nil {
			err = failed
			break
		}
		all, out = append(all, l), append(out, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range all { // all of them at the end, so that none comes up twice
		err = errors.Join(err, l.Close())
	}
	return out, err
}

// At is the address of a port, as host:port.
func At(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

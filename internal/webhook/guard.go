package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// notPublic are networks of IANA's special-purpose registries (RFC 6890) that
// netip's own questions do not cover.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	// These carry an IPv4 address that could be any: 6to4, Teredo, NAT64.
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("fec0::/10"),
}

// public tells whether an address is one of the internet.
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// guard refuses addresses that are neither public nor allowed.
type guard struct {
	allowed []netip.Prefix
}

// dialer checks each address that is dialled, when DNS has been asked: a name
// that points elsewhere the second time gains nothing.
func (g guard) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address %q: %w", address, err)
		}
		return g.check(at.Addr())
	}}
}

func (g guard) check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	if public(ip) || slices.ContainsFunc(g.allowed, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	return fmt.Errorf("%s is not a public address: allow its network with --webhook-networks (SLIPWAY_WEBHOOK_NETWORKS) if it is meant to be told", ip)
}

// checkURL refuses what can't be the address of a receiver. A host that is an
// address is checked at once; a name when it is dialled.
func (g guard) checkURL(text string) error {
	const most = 2000
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > most:
		return fmt.Errorf("the webhook's URL is not one, or has more than %d characters", most)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q of the webhook's URL: want http or https", u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("the webhook's URL names no host")
	case u.User != nil:
		return fmt.Errorf("the webhook's URL holds a user or a password: it is shown to whoever may list webhooks")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.check(ip)
	}
	return nil
}

// ParseNetworks reads networks such as "10.0.0.0/8" or "127.0.0.1".
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			ip, ipErr := netip.ParseAddr(text)
			if ipErr != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", text)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		networks = append(networks, p.Masked())
	}
	return networks, nil
}

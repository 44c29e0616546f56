package evaluate

import (
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// redirect is the answer of a route that redirects: what istiod's ApplyRedirect
// tells Envoy, and what Envoy makes of that. Nil: Envoy knows no such status.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRedirect
func (e entry) redirect(r Request) *Redirect {
	to := e.to.Redirect
	status := to.RedirectCode
	switch status {
	case 0:
		status = 301
	case 301, 302, 303, 307, 308:
	default:
		return nil
	}
	scheme := to.Scheme
	if scheme == "" {
		scheme = r.Scheme
	}
	port := redirectPort(to, r)
	host := to.Authority
	if host == "" {
		host = ownHost(r, scheme, port != "")
	}
	return &Redirect{Status: status, Location: scheme + "://" + host + port + e.redirectPath(to, r)}
}

// redirectPort is the port with a colon before it, empty for none. One that the
// scheme means anyway is left out.
func redirectPort(to *networking.HTTPRedirect, r Request) string {
	port := to.GetPort()
	if to.GetDerivePort() == networking.HTTPRedirect_FROM_REQUEST_PORT && to.GetPort() == 0 {
		if _, derived := to.GetRedirectPort().(*networking.HTTPRedirect_DerivePort); derived {
			port = r.Port
		}
	}
	// istiod does not look at the request's scheme, but at whether the listener
	// ends TLS.
	scheme := to.Scheme
	if scheme == "" {
		scheme = r.Scheme
	}
	if port == 0 || port == 80 && scheme == "http" || port == 443 && scheme == "https" {
		return ""
	}
	return ":" + strconv.FormatUint(uint64(port), 10)
}

// ownHost is the request's host, without its port where another one follows, or
// where the scheme changes and the port was the old one's.
func ownHost(r Request, scheme string, replaced bool) string {
	colon := strings.LastIndexByte(r.Host, ':')
	if colon < 0 || strings.LastIndexByte(r.Host, ']') > colon {
		return r.Host
	}
	port := r.Host[colon:]
	if replaced || scheme != r.Scheme && (r.Scheme == "https" && port == ":443" || r.Scheme == "http" && port == ":80") {
		return r.Host[:colon]
	}
	return r.Host
}

// redirectPath keeps the request's query, unless the new path has one.
func (e entry) redirectPath(to *networking.HTTPRedirect, r Request) string {
	path, query, has := strings.Cut(r.Path, "?")
	if has {
		query = "?" + query
	}
	switch {
	case to.PrefixRewrite != "":
		return to.PrefixRewrite + path[min(len(path), e.matched(path)):] + query
	case to.Uri == "":
		return r.Path
	case strings.Contains(to.Uri, "?"):
		return to.Uri
	}
	return to.Uri + query
}

// matched is how much of a path the uri condition is about.
func (e entry) matched(path string) int {
	switch want := e.match.GetUri().GetMatchType().(type) {
	case *networking.StringMatch_Prefix:
		if e.service.separated && want.Prefix != "/" {
			return len(strings.TrimSuffix(want.Prefix, "/"))
		}
		return len(want.Prefix)
	case *networking.StringMatch_Exact, *networking.StringMatch_Regex:
		return len(path)
	}
	return len("/")
}

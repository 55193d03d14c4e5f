package kfpcredential

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client gives an HTTP client whose requests carry the credential. It takes paths below the endpoint as well as whole
// URLs of the endpoint's origin.
func (h *Helper) Client() *http.Client { return &http.Client{Transport: h} }

// RoundTrip sends a request with the credential. Where the endpoint refuses that (by 401, a redirect to a login, or a
// page where data should be) it renews it and repeats the request, once. The error is an [*Error] unless the way to
// the endpoint fails. Redirects are never followed with a credential.
func (h *Helper) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := wholeBody(request)
	if err != nil {
		return nil, err
	}
	credential, err := h.Credential(request.Context())
	if err != nil {
		return nil, err
	}
	reply, came, err := h.attempt(request, body, credential)
	if err != nil || came == "" {
		return reply, err
	}
	renewed, err := h.Renew(request.Context(), credential)
	if hasSlug(err, CredentialRejected) {
		return nil, h.refused(credential, came)
	}
	if err != nil {
		return nil, err
	}
	reply, came, err = h.attempt(request, body, renewed)
	if err != nil || came == "" {
		return reply, err
	}
	refused := h.refused(renewed, came)
	h.giveUp(renewed, refused)
	return nil, refused
}

func (h *Helper) refused(credential *Credential, came string) *Error {
	login := "kfp-credential login"
	if h.Context != "" {
		login += " --context " + h.Context
	} else if credential.Context != "" {
		login += " --context " + credential.Context
	}
	e := failure(CredentialRejected, "%s refused the credential: it answered with %s", credential.Endpoint, came)
	e.Hint = "check the endpoint of the context, and log in again with `" + login + "`"
	return e
}

// attempt sends the request once. It gives the reply, or says what came in place of one that is worth having.
func (h *Helper) attempt(request *http.Request, body []byte, credential *Credential) (*http.Response, string, error) {
	target, err := credential.resolve(request.URL)
	if err != nil {
		return nil, "", err
	}
	transport, err := h.transportFor(credential.Connection)
	if err != nil {
		return nil, "", err
	}
	sent := request.Clone(request.Context())
	sent.URL = target
	sent.Body, sent.ContentLength, sent.TransferEncoding = http.NoBody, int64(len(body)), nil
	if len(body) > 0 {
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	sent.GetBody = nil
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	credential.putOn(sent)
	reply, err := transport.RoundTrip(sent)
	if err != nil {
		return nil, "", err
	}
	if came := rejection(reply); came != "" {
		reply.Body.Close() // Unread: it may be of any length, or never end.
		return nil, came, nil
	}
	if reply.StatusCode < 500 {
		h.accept(credential)
	}
	return reply, "", nil
}

// resolve gives the URL to ask, which is never of another origin than the endpoint's.
func (c *Credential) resolve(asked *url.URL) (*url.URL, error) {
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	if asked.Scheme == "" && asked.Host == "" {
		return url.Parse(strings.TrimRight(c.Endpoint, "/") + "/" + strings.TrimLeft(asked.String(), "/"))
	}
	if origin(asked) != origin(endpoint) {
		return nil, failure(OriginRefused, "the credential is for %s, not for %s", origin(endpoint), origin(asked))
	}
	return asked, nil
}

var defaultPort = map[string]string{"http": ":80", "https": ":443"}

// origin gives scheme, host and port, and leaves out the default one.
func origin(of *url.URL) string {
	return of.Scheme + "://" + strings.TrimSuffix(strings.ToLower(of.Host), defaultPort[of.Scheme])
}

// putOn sets the credential's headers in place of the request's own of the same names.
func (c *Credential) putOn(request *http.Request) {
	for name := range c.headers {
		for own := range request.Header {
			if strings.EqualFold(own, name) {
				delete(request.Header, own)
			}
		}
	}
	for name, values := range c.headers {
		if strings.EqualFold(name, "Cookie") {
			values = []string{strings.Join(values, "; ")}
		}
		for _, value := range values {
			request.Header.Add(name, value)
		}
		if strings.EqualFold(name, "Host") {
			request.Host = values[0] // Where net/http looks for it.
		}
	}
}

// rejection says what came where a reply shows that the credential was refused, and "" where it was taken.
func rejection(reply *http.Response) string {
	location := reply.Header.Get("Location")
	mediaType, _, _ := strings.Cut(reply.Header.Get("Content-Type"), ";")
	isPage := strings.EqualFold(strings.TrimSpace(mediaType), "text/html")
	switch kind := reply.StatusCode / 100; {
	case reply.StatusCode == http.StatusUnauthorized:
		return "status 401"
	case kind == 3 && location != "":
		if target, err := reply.Request.URL.Parse(location); err == nil {
			return "a redirect to " + origin(target)
		}
		return "a redirect"
	case isPage && (kind == 2 || reply.StatusCode == http.StatusForbidden):
		return fmt.Sprintf("a page (text/html, status %d)", reply.StatusCode)
	}
	return ""
}

// transportFor gives the transport that reaches the endpoint as the helper did.
func (h *Helper) transportFor(connection Connection) (*http.Transport, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.transport != nil && h.reaches == connection {
		return h.transport, nil
	}
	trust, err := connection.tlsConfig()
	if err != nil {
		return nil, err
	}
	proxy, err := connection.proxy()
	if err != nil {
		return nil, err
	}
	if h.transport != nil {
		h.transport.CloseIdleConnections()
	}
	h.transport, h.reaches = &http.Transport{
		Proxy:               proxy,
		TLSClientConfig:     trust,
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}, connection
	return h.transport, nil
}

func (c Connection) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{ServerName: c.TLSServerName, InsecureSkipVerify: c.InsecureSkipTLSVerify}
	if c.CertificateAuthority == "" && c.CertificateAuthorityData == "" {
		return config, nil
	}
	authorities, err := x509.SystemCertPool()
	if err != nil {
		authorities = x509.NewCertPool()
	}
	config.RootCAs = authorities
	if file := c.CertificateAuthority; file != "" {
		pem, err := readFile(file)
		if err != nil {
			return nil, failure(ConnectionUnsupported, "certificateAuthority: %v", err)
		}
		if !authorities.AppendCertsFromPEM(pem) {
			return nil, failure(ConnectionUnsupported, "certificateAuthority: %s contains no PEM certificate", file)
		}
	}
	if data := c.CertificateAuthorityData; data != "" {
		pem, err := base64.StdEncoding.DecodeString(data)
		if err != nil || !authorities.AppendCertsFromPEM(pem) {
			return nil, failure(ConnectionUnsupported, "certificateAuthorityData is no base64 of a PEM certificate")
		}
	}
	return config, nil
}

// proxy gives the context's proxy, else the environment's; this machine itself is reached without.
func (c Connection) proxy() (func(*http.Request) (*url.URL, error), error) {
	choose := http.ProxyFromEnvironment
	if c.ProxyURL != "" {
		proxy, err := url.Parse(c.ProxyURL)
		if err != nil || proxy.Host == "" {
			return nil, failure(ConnectionUnsupported, "proxyUrl is no URL of a proxy")
		}
		switch proxy.Scheme {
		case "http", "socks5":
		case "https":
			if c.TLSServerName != "" {
				return nil, failure(ConnectionUnsupported, "tlsServerName would be the name of the proxy in proxyUrl too")
			}
		case "socks5h":
			proxy.Scheme = "socks5" // Go leaves names to the proxy either way.
		default:
			return nil, failure(ConnectionUnsupported, "proxyUrl has the scheme %q", proxy.Scheme)
		}
		choose = http.ProxyURL(proxy)
	}
	return func(request *http.Request) (*url.URL, error) {
		if isLoopback(request.URL.Hostname()) {
			return nil, nil
		}
		return choose(request)
	}, nil
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

func wholeBody(request *http.Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	defer request.Body.Close()
	return io.ReadAll(request.Body)
}

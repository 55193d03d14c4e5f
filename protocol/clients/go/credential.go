package kfpcredential

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Credential is what a helper has answered. It prints without its secrets.
type Credential struct {
	Type       string    // "bearer", "cookie", "none", or a newer one.
	Endpoint   string    // The base URL of the API.
	Namespace  string    // The Kubeflow namespace to use by default; "" where none is known.
	Principal  string    // Who the credential stands for; "" where that is not known.
	Context    string    // The helper's context; "" where it has none.
	Expiration time.Time // Until when to use it.
	Connection Connection

	headers http.Header
}

// Connection says how to reach the endpoint, where that takes more than its URL.
type Connection struct {
	CertificateAuthority     string // A PEM file, added to the system's authorities.
	CertificateAuthorityData string // The same as base64 of PEM text.
	InsecureSkipTLSVerify    bool
	ProxyURL                 string
	TLSServerName            string
}

// Headers gives the secret headers that each request to the endpoint needs, as the helper spells them.
func (c Credential) Headers() http.Header { return c.headers.Clone() }

// String tells whose credential it is.
func (c Credential) String() string {
	return fmt.Sprintf("%s credential of %q until %s", c.Type, c.Principal, c.Expiration.Format(timeFormat))
}

// GoString tells no more.
func (c Credential) GoString() string { return c.String() }

const timeFormat = "2006-01-02T15:04:05Z"

var (
	headerName   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 9110, section 5.6.2
	controlInAny = regexp.MustCompile(`[\x00-\x1f\x7f]`)
)

// ParseCredential reads what a helper printed, and refuses what a client must not use. No error repeats the text.
func ParseCredential(stdout []byte) (*Credential, error) {
	credential, broken := parseCredential(stdout)
	if broken != "" {
		return nil, failure(HelperAnswerInvalid, "the helper's answer is no document of this protocol: %s", broken)
	}
	return credential, nil
}

func parseCredential(stdout []byte) (credential *Credential, broken string) {
	document, ok := parseObject(stdout)
	if !ok {
		return nil, "it is not one JSON object in UTF-8 with nothing around it"
	}
	if document["kind"] != "ExecCredential" {
		return nil, "kind is not ExecCredential"
	}
	if document["apiVersion"] != "client.authentication.k8s.io/v1" {
		return nil, "apiVersion is not client.authentication.k8s.io/v1"
	}
	status, _ := document["status"].(object)
	kfp, ok := status["kfp"].(object)
	if !ok {
		return nil, "status.kfp is missing"
	}
	if kfp["version"] != 1.0 {
		return nil, "status.kfp.version is not 1"
	}
	credential = &Credential{}
	if credential.headers, broken = parseHeaders(status["headers"]); broken != "" {
		return nil, broken
	}
	if credential.Endpoint, _ = kfp["endpoint"].(string); !isEndpoint(credential.Endpoint) {
		return nil, "status.kfp.endpoint is no absolute http or https URL without user, query and fragment"
	}
	written, _ := status["expirationTimestamp"].(string)
	expiration, err := time.Parse(timeFormat, written)
	// Parse would take fractions as well.
	if err != nil || expiration.Format(timeFormat) != written {
		return nil, "status.expirationTimestamp is missing, or not of the form YYYY-MM-DDTHH:MM:SSZ"
	}
	if !expiration.After(time.Now()) {
		return nil, "status.expirationTimestamp has passed"
	}
	credential.Expiration = expiration
	connection, ok := optional[object](kfp, "connection")
	if !ok {
		return nil, "status.kfp.connection is no object"
	}
	if credential.Connection.InsecureSkipTLSVerify, ok = optional[bool](connection, "insecureSkipTlsVerify"); !ok {
		return nil, "status.kfp.connection.insecureSkipTlsVerify is no boolean"
	}
	for _, field := range []struct {
		from object
		key  string
		into *string
	}{
		{kfp, "type", &credential.Type},
		{kfp, "namespace", &credential.Namespace},
		{kfp, "principal", &credential.Principal},
		{kfp, "context", &credential.Context},
		{connection, "certificateAuthority", &credential.Connection.CertificateAuthority},
		{connection, "certificateAuthorityData", &credential.Connection.CertificateAuthorityData},
		{connection, "proxyUrl", &credential.Connection.ProxyURL},
		{connection, "tlsServerName", &credential.Connection.TLSServerName},
	} {
		if *field.into, ok = optional[string](field.from, field.key); !ok {
			return nil, field.key + " is no string"
		}
	}
	return credential, ""
}

func parseHeaders(value any) (headers http.Header, broken string) {
	fields, ok := value.(object)
	if !ok {
		return nil, "status.headers is missing, or no object"
	}
	headers = http.Header{}
	for name, value := range fields {
		if !headerName.MatchString(name) {
			return nil, "status.headers has a key that is no header's name"
		}
		array, _ := value.([]any)
		values, ok := texts(array)
		if !ok || len(values) == 0 {
			return nil, "status.headers has a value that is no array of strings, or an empty one"
		}
		if slices.ContainsFunc(values, controlInAny.MatchString) {
			return nil, "status.headers has a value with a control character"
		}
		headers[name] = values
	}
	return headers, ""
}

func isEndpoint(text string) bool {
	endpoint, err := url.Parse(text)
	return err == nil && (endpoint.Scheme == "http" || endpoint.Scheme == "https") &&
		endpoint.Hostname() != "" && endpoint.User == nil && !strings.ContainsAny(text, "?#")
}

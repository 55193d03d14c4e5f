package kfpcredential

import (
	"fmt"
	"regexp"
	"strings"
)

// The slugs of failures that the helper does not report itself.
const (
	HelperMissing         = "helper-missing"
	HelperFailed          = "helper-failed"
	HelperTimeout         = "helper-timeout"
	HelperAnswerInvalid   = "helper-answer-invalid"
	ExecConfigInvalid     = "exec-config-invalid"
	CredentialRejected    = "credential-rejected"
	OriginRefused         = "origin-refused"
	ConnectionUnsupported = "connection-unsupported"
)

var hints = map[string]string{
	HelperFailed:          "run the same command in a terminal to see what it says",
	HelperTimeout:         "run the same command with `-v` in a terminal to see where it waits",
	HelperAnswerInvalid:   "check that the exec configuration runs `kfp-credential get`, without `-o`",
	ExecConfigInvalid:     `write it as exec.schema.json describes, e.g. {"exec": {"command": "kfp-credential", "args": ["get"]}}`,
	OriginRefused:         "give a path below the endpoint, or a context for that other place",
	ConnectionUnsupported: "use a client in another language, or change the context's connection settings",
}

// Error says what kept a program from its credential, or the credential from being accepted. It holds no secret.
type Error struct {
	Slug     string // The stable name of the failure, such as "login-required".
	ExitCode int    // The helper's; 4: a person is needed, 0: the helper did not fail, -1: a signal ended it.
	Message  string // What failed; what the helper wrote to stderr, where it failed itself.
	Hint     string // What to do next.
}

// Error gives the words for people, in the helper's own form.
func (e *Error) Error() string {
	if e.ExitCode != 0 && e.Slug != HelperFailed {
		return e.Message
	}
	return fmt.Sprintf("error[%s]: %s\n  hint: %s", e.Slug, e.Message, e.Hint)
}

func failure(slug, format string, details ...any) *Error {
	return &Error{Slug: slug, Message: fmt.Sprintf(format, details...), Hint: hints[slug]}
}

var (
	slugInWords  = regexp.MustCompile(`error\[([a-z0-9-]+)\]: `)
	hintsInWords = regexp.MustCompile(`(?m)^ *hint: (.*(?:\n {4}.*)*)`)
)

// helperFailure reads what a helper wrote to stderr before it exited with another code than 0.
func helperFailure(stderr string, exitCode int) *Error {
	e := failure(HelperFailed, "%s", strings.TrimSpace(stderr))
	e.ExitCode = exitCode
	if slug := slugInWords.FindStringSubmatch(stderr); slug != nil {
		e.Slug, e.Hint = slug[1], ""
	}
	var said []string
	for _, hint := range hintsInWords.FindAllStringSubmatch(stderr, -1) {
		said = append(said, strings.ReplaceAll(hint[1], "\n    ", "\n"))
	}
	if said != nil {
		e.Hint = strings.Join(said, "\n")
	}
	return e
}

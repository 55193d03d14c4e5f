package kfpcredential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	defaultTimeout = 240 * time.Second
	pipeGrace      = 500 * time.Millisecond
	largestAnswer  = 1 << 20
	keptOfStderr   = 64 << 10
)

// execute runs the helper once: no shell, nothing to read, a deadline. The process is ended alone, not as a group of its
// own: such a group could not ask at the terminal. What it leaves behind may hold the pipes for a moment only.
func (h *Helper) execute(refresh bool) (*Credential, error) {
	config := h.Exec
	if config == nil {
		found, err := FindExecConfig()
		if err != nil {
			return nil, err
		}
		config = found
	}
	args := slices.Clone(config.Args)
	if h.Context != "" {
		args = append(args, "--context", h.Context)
	}
	if refresh {
		args = append(args, "--refresh")
	}
	timeout := h.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	stdout, stderr := &answer{}, &lastWords{}
	command := exec.CommandContext(ctx, config.Command, args...)
	command.Env = environment(config.Env)
	command.Stdout, command.Stderr = stdout, stderr
	command.WaitDelay = pipeGrace
	if err := command.Start(); err != nil {
		return nil, missing(config, err)
	}
	err := command.Wait()

	exitCode := command.ProcessState.ExitCode()
	switch {
	case stdout.tooLong:
		return nil, failure(HelperAnswerInvalid, "the helper's answer is longer than 1 MiB")
	case exitCode == 0:
		return ParseCredential(stdout.text)
	case ctx.Err() != nil:
		return nil, failure(HelperTimeout, "the helper %q did not end within %s", config.Command, timeout)
	case len(stderr.text) == 0:
		return nil, helperFailure(fmt.Sprintf("the helper %q said nothing: %v", config.Command, err), exitCode)
	}
	return nil, helperFailure(strings.ToValidUTF8(string(stderr.text), "\ufffd"), exitCode)
}

func missing(config *ExecConfig, err error) *Error {
	e := failure(HelperMissing, "the helper %q (exec configuration: %s) cannot be run: %v", config.Command, config.Source, err)
	e.Hint = config.InstallHint
	if e.Hint == "" {
		e.Hint = "install kfp-credential: pip install kfp-credential"
	}
	return e
}

// environment adds to this process's, and drops what asks a helper for another form of answer.
func environment(added []string) []string {
	return slices.DeleteFunc(append(os.Environ(), added...), func(variable string) bool {
		return strings.HasPrefix(variable, "KUBERNETES_EXEC_INFO=")
	})
}

// answer takes as much as a document may be long; more breaks the pipe.
type answer struct {
	text    []byte
	tooLong bool
}

func (a *answer) Write(part []byte) (int, error) {
	if len(a.text)+len(part) > largestAnswer {
		a.tooLong = true
		return 0, errors.New("too long")
	}
	a.text = append(a.text, part...)
	return len(part), nil
}

// lastWords keeps the end of what it is given.
type lastWords struct{ text []byte }

func (w *lastWords) Write(part []byte) (int, error) {
	w.text = append(w.text, part...)
	w.text = w.text[max(0, len(w.text)-keptOfStderr):]
	return len(part), nil
}

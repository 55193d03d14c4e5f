package kfpcredential

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Helper gets credentials from a helper, keeps each until it expires, and renews one that was refused. Its zero value
// is ready; its fields are not to be changed after the first use. Any number of goroutines may use it: they share one
// run of the helper, and never wait longer than their own context allows.
type Helper struct {
	Exec       *ExecConfig   // Which helper to run; nil: what [FindExecConfig] finds.
	Context    string        // The helper's context; "" leaves it to the helper.
	Timeout    time.Duration // How long a run may take; 0: 240 s.
	RetryPause time.Duration // How long to let a failed renewal be; 0: 60 s.

	mu        sync.Mutex
	kept      kept
	running   *run
	pause     *pause
	transport *http.Transport
	reaches   Connection // What the transport was made for.
}

// kept is the credential at hand.
type kept struct {
	*Credential
	since    time.Time
	renewed  bool // It comes from a run with --refresh.
	accepted bool // The endpoint has taken it.
}

// run is one run of the helper; its outcome is there when it is done.
type run struct {
	refresh    bool
	done       chan struct{}
	credential *Credential
	err        error
}

// pause is what keeps a client from renewing again and again what no renewal mends.
type pause struct {
	until time.Time
	err   error
}

// Credential gives the credential at hand, or what a run of the helper answers.
func (h *Helper) Credential(ctx context.Context) (*Credential, error) {
	h.mu.Lock()
	if credential := h.atHand(); credential != nil {
		h.mu.Unlock()
		return credential, nil
	}
	current := h.runOf(false)
	h.mu.Unlock()
	return current.outcome(ctx)
}

// Renew gives another credential than the rejected one: what somebody else has renewed meanwhile, or what the helper
// answers to --refresh. After a renewal that did not help, it only fails for as long as RetryPause says.
func (h *Helper) Renew(ctx context.Context, rejected *Credential) (*Credential, error) {
	for {
		h.mu.Lock()
		if newer := h.atHand(); newer != nil && !same(newer, rejected) {
			h.mu.Unlock()
			return newer, nil
		}
		if h.running == nil {
			if err := h.pausing(rejected); err != nil {
				h.mu.Unlock()
				return nil, err
			}
		}
		current := h.runOf(true)
		h.mu.Unlock()
		credential, err := current.outcome(ctx)
		// A run that was under way without --refresh may have found the rejected one again.
		if err != nil || current.refresh || !same(credential, rejected) {
			return credential, err
		}
	}
}

// atHand gives the credential that is kept, nil where there is none that is still good.
func (h *Helper) atHand() *Credential {
	if h.kept.Credential == nil || !h.kept.Expiration.After(time.Now()) {
		return nil
	}
	return h.kept.Credential
}

// pausing says why there is no renewal now. A credential that was just renewed, and is refused before it was ever
// accepted, begins a pause.
func (h *Helper) pausing(rejected *Credential) error {
	if h.pause != nil && time.Now().Before(h.pause.until) {
		return h.pause.err
	}
	isNew := h.kept.renewed && time.Since(h.kept.since) < h.retryPause()
	if !isNew || h.kept.accepted || !same(h.kept.Credential, rejected) {
		return nil
	}
	h.beginPause(failure(CredentialRejected, "%s refused a credential that was just renewed", rejected.Endpoint))
	return h.pause.err
}

func (h *Helper) beginPause(err error) {
	h.pause = &pause{until: time.Now().Add(h.retryPause()), err: err}
}

func (h *Helper) retryPause() time.Duration {
	if h.RetryPause == 0 {
		return time.Minute
	}
	return h.RetryPause
}

// runOf gives the run that is under way, or begins one. It belongs to no caller's context, as others wait for it too.
func (h *Helper) runOf(refresh bool) *run {
	if h.running == nil {
		current := &run{refresh: refresh, done: make(chan struct{})}
		h.running = current
		go func() {
			current.credential, current.err = h.execute(refresh)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.running = nil
			if current.err == nil {
				h.kept = kept{Credential: current.credential, since: time.Now(), renewed: refresh}
			}
			if refresh && current.err == nil {
				h.pause = nil
			} else if refresh {
				h.beginPause(current.err)
			}
			close(current.done)
		}()
	}
	return h.running
}

func (r *run) outcome(ctx context.Context) (*Credential, error) {
	select {
	case <-r.done:
		return r.credential, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// accept remembers that the endpoint has taken a credential: its refusal is news from now on.
func (h *Helper) accept(credential *Credential) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept.Credential == credential {
		h.kept.accepted = true
	}
}

// giveUp begins a pause where the renewed credential was refused as well.
func (h *Helper) giveUp(rejected *Credential, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept.Credential == rejected && h.kept.renewed {
		h.beginPause(err)
	}
}

func same(one, other *Credential) bool {
	return maps.EqualFunc(one.headers, other.headers, slices.Equal)
}

func hasSlug(err error, slug string) bool {
	var e *Error
	return errors.As(err, &e) && e.Slug == slug
}

// Conformance does what the JSON on its stdin asks of the Go client, and prints as JSON what came of it. It serves the
// tests that hold the clients of all languages to the same vectors, and shows every part of the client in use.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"kfpcredential"
)

type task struct {
	Exec                  json.RawMessage
	Context               string
	TimeoutSeconds        float64
	RetryPauseSeconds     float64
	RequestTimeoutSeconds float64
	Requests              []request
	Parallel              int
	PauseSeconds          float64
	Documents             []string
	Find                  bool
}

type request struct {
	Method, URL, Body string
	Headers           map[string]string
}

type result map[string]any

func main() {
	var asked task
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "conformance: no task on stdin:", err)
		os.Exit(2)
	}
	json.NewEncoder(os.Stdout).Encode(asked.do())
}

func (t *task) do() any {
	if t.Find {
		return found()
	}
	if t.Documents != nil {
		results := []result{}
		for _, text := range t.Documents {
			results = append(results, read(text))
		}
		return results
	}
	return t.send()
}

func found() result {
	config, err := kfpcredential.FindExecConfig()
	if err != nil {
		return failed(err)
	}
	return result{"command": config.Command, "args": config.Args}
}

func read(text string) result {
	credential, err := kfpcredential.ParseCredential([]byte(text))
	if err != nil {
		return failed(err)
	}
	namespace := &credential.Namespace
	if *namespace == "" {
		namespace = nil
	}
	return result{
		"ok":         true,
		"endpoint":   credential.Endpoint,
		"headers":    credential.Headers(),
		"expiration": credential.Expiration.Format(time.RFC3339),
		"namespace":  namespace,
	}
}

// send makes the whole list of requests as often at once as the task says.
func (t *task) send() []result {
	times := max(1, t.Parallel)
	results := make([]result, times*len(t.Requests))
	helper, err := t.helper()
	var all sync.WaitGroup
	for i := range times {
		all.Add(1)
		go func() {
			defer all.Done()
			for j, request := range t.Requests {
				if j > 0 {
					time.Sleep(seconds(t.PauseSeconds))
				}
				if err != nil {
					results[i*len(t.Requests)+j] = failed(err)
					continue
				}
				results[i*len(t.Requests)+j] = request.sendWith(helper, seconds(t.RequestTimeoutSeconds))
			}
		}()
	}
	all.Wait()
	return results
}

func (t *task) helper() (*kfpcredential.Helper, error) {
	helper := &kfpcredential.Helper{
		Context:    t.Context,
		Timeout:    seconds(t.TimeoutSeconds),
		RetryPause: seconds(t.RetryPauseSeconds),
	}
	if t.Exec == nil {
		return helper, nil
	}
	holder, err := json.Marshal(map[string]any{"exec": t.Exec})
	if err != nil {
		return nil, err
	}
	helper.Exec, err = kfpcredential.ParseExecConfig(holder, "the task", "")
	return helper, err
}

func (r request) sendWith(helper *kfpcredential.Helper, timeout time.Duration) result {
	request, err := http.NewRequest(r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return failed(err)
	}
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	client := helper.Client()
	client.Timeout = timeout
	reply, err := client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return failed(err)
	}
	return result{
		"status":      reply.StatusCode,
		"contentType": reply.Header.Get("Content-Type"),
		"body":        string(body),
	}
}

// failed tells of an error; those that are not the client's own have no slug.
func failed(err error) result {
	var known *kfpcredential.Error
	if !errors.As(err, &known) {
		return result{"error": "", "message": err.Error()}
	}
	told := result{"error": known.Slug, "message": known.Error(), "hint": known.Hint}
	if known.ExitCode > 0 {
		told["exit"] = known.ExitCode
	}
	return told
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

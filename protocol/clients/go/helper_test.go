package kfpcredential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What no conformance driver can show: contexts of callers, and values that are printed.

const document = `{
	"apiVersion": "client.authentication.k8s.io/v1",
	"kind": "ExecCredential",
	"status": {
		"expirationTimestamp": "2999-01-01T00:00:00Z",
		"headers": {"Authorization": ["Bearer hunter2"]},
		"kfp": {"version": 1, "type": "bearer", "endpoint": "http://h", "principal": "user@example.com"}
	}
}`

func TestACallerThatLeavesEndsNoRunOfOthers(t *testing.T) {
	folder := t.TempDir()
	goOn, runs := filepath.Join(folder, "go-on"), filepath.Join(folder, "runs")
	script := "echo run >>\"$1\"; until [ -e \"$2\" ]; do sleep 0.01; done; printf %s \"$3\""
	helper := &Helper{Exec: &ExecConfig{Command: "sh", Args: []string{"-c", script, "helper", runs, goOn, document}}}

	leaving, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		_, err := helper.Credential(leaving)
		left <- err
	}()
	for _, err := os.Stat(runs); err != nil; _, err = os.Stat(runs) {
		time.Sleep(time.Millisecond)
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the caller that left got %v", err)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	credential, err := helper.Credential(context.Background())
	if err != nil || credential.Principal != "user@example.com" {
		t.Fatalf("the caller that stayed got %v, %v", credential, err)
	}
	if made, err := os.ReadFile(runs); string(made) != "run\n" {
		t.Fatalf("the runs were %q, %v", made, err)
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	credential, err := ParseCredential([]byte(document))
	if err != nil || credential.Headers().Get("Authorization") != "Bearer hunter2" {
		t.Fatalf("the document was read as %v, %v", credential, err)
	}
	config := ExecConfig{Command: "helper-a", Env: []string{"KF_PASSWORD=hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for value, name := range map[any]string{credential: "user@example.com", &config: "helper-a"} {
			if shown := fmt.Sprintf(verb, value); strings.Contains(shown, "hunter2") || !strings.Contains(shown, name) {
				t.Errorf("%s shows %s", verb, shown)
			}
		}
		if shown := fmt.Sprintf(verb+verb, *credential, config); strings.Contains(shown, "hunter2") {
			t.Errorf("%s of a copy shows %s", verb, shown)
		}
	}
}

// Lists pods as Go programs do, with client-go. Each argument is KUBECONFIG=STEP,STEP…; a line of JSON answers it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type answer struct {
	Status int    `json:"status,omitempty"`
	Pods   int    `json:"pods,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	for _, argument := range os.Args[1:] {
		kubeconfig, steps, _ := strings.Cut(argument, "=")
		answers := []answer{}
		if client, err := connect(kubeconfig); err == nil {
			answers = take(client, strings.Split(steps, ","))
		} else {
			answers = append(answers, answer{Error: err.Error()})
		}
		json.NewEncoder(os.Stdout).Encode(answers)
	}
}

func connect(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func take(client *kubernetes.Clientset, steps []string) (answers []answer) {
	for _, step := range steps {
		name, value, _ := strings.Cut(step, ":")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "pause":
			time.Sleep(time.Duration(number * float64(time.Second)))
		case "parallel":
			answers = append(answers, parallel(client, int(number))...)
		default:
			answers = append(answers, list(client))
		}
	}
	return answers
}

func parallel(client *kubernetes.Clientset, number int) []answer {
	answers := make([]answer, number)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = list(client) })
	}
	group.Wait()
	return answers
}

func list(client *kubernetes.Clientset) answer {
	pods, err := client.CoreV1().Pods("default").List(context.Background(), metav1.ListOptions{})
	if err == nil {
		return answer{Status: 200, Pods: len(pods.Items)}
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return answer{Status: int(status.Status().Code)}
	}
	return answer{Error: err.Error()}
}

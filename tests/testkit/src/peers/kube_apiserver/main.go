// etcd and kube-apiserver of one module, so that one build makes both: the first argument says which.
package main

import (
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	program := os.Args[1]
	os.Args = os.Args[1:]
	if program == "etcd" {
		etcd(os.Args[1], os.Args[2], os.Args[3])
		return
	}
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

// etcd serves one member with its data in a folder, for clients and for peers that never come.
func etcd(folder, clients, peers string) {
	config := embed.NewConfig()
	config.Dir = folder
	config.ListenClientUrls = urls(clients)
	config.AdvertiseClientUrls = urls(clients)
	config.ListenPeerUrls = urls(peers)
	config.AdvertisePeerUrls = urls(peers)
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err == nil {
		err = <-server.Err()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func urls(text string) []url.URL {
	parsed, err := url.Parse(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return []url.URL{*parsed}
}

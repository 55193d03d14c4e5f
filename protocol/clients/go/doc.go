// Package kfpcredential gets a Go program into a Kubeflow Pipelines API, with the credential that a helper such as
// kfp-credential prints. Which helper that is, the exec configuration says (see [FindExecConfig]).
//
//	helper := &kfpcredential.Helper{Context: "team-a"}
//	reply, err := helper.Client().Get("/apis/v2beta1/runs")
//
// A [Helper] is an [http.RoundTripper]: it puts the credential on every request, renews it once where the endpoint
// refuses it, and sends it nowhere else. So every library that takes an HTTP client renews by itself, such as the one
// that Kubeflow Pipelines generates, whose address the credential knows:
//
//	credential, err := helper.Credential(ctx)
//	endpoint, err := url.Parse(credential.Endpoint)
//	transport := client.NewWithClient(endpoint.Host, endpoint.Path, []string{endpoint.Scheme}, helper.Client())
//
// The module needs the standard library only. A program that vendors it says in its go.mod:
//
//	require kfpcredential v0.0.0
//	replace kfpcredential => ./third_party/kfpcredential
package kfpcredential

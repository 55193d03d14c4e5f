// Prints an access token of Google's default credentials, as any Go program gets one.
package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/oauth2/google"
)

func main() {
	ctx := context.Background()
	credentials, err := google.FindDefaultCredentials(ctx, "https://www.googleapis.com/auth/cloud-platform")
	if err == nil {
		token, failure := credentials.TokenSource.Token()
		if failure == nil {
			fmt.Println(token.AccessToken)
			return
		}
		err = failure
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

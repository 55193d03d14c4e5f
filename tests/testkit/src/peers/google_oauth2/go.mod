module peers/google-oauth2

go 1.26.0

require golang.org/x/oauth2 v0.36.0

require cloud.google.com/go/compute/metadata v0.9.0 // indirect

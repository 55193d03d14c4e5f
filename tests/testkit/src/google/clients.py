"""Fetches tokens with google-auth, as its users do; prints the token.

The first argument names what to do, the others are its own.
"""
import sys

import google.auth
from google.auth import impersonated_credentials
from google.auth.transport.requests import Request
from google.oauth2 import id_token

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


def access_token():
    """Takes the application default credentials, of whatever kind."""
    credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    credentials.refresh(Request())
    return credentials.token


def fetch_id_token(audience):
    """Takes the application default credentials, as far as that function knows them."""
    return id_token.fetch_id_token(Request(), audience)


def impersonated_id_token(audience, account, *delegates):
    """Lets the application default credentials speak for a service account."""
    source, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    target = impersonated_credentials.Credentials(
        source, account, [CLOUD_PLATFORM], delegates=list(delegates)
    )
    credentials = impersonated_credentials.IDTokenCredentials(
        target, target_audience=audience, include_email=True
    )
    credentials.refresh(Request())
    return credentials.token


def verified_email(token, audience):
    """Verifies an ID token with the keys of the stand-in."""
    keys = "https://www.googleapis.com/oauth2/v3/certs"
    return id_token.verify_token(token, Request(), audience, keys)["email"]


print(globals()[sys.argv[1]](*sys.argv[2:]))

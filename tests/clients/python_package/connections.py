"""Lists experiments by each context, with the SDK and without it, which must come to the same."""

import json

import kfp_credential


def by_the_sdk(name):
    found = kfp_credential.client(name).list_experiments().experiments
    return [getattr(one, "display_name", None) or one.name for one in found]


def alone(name):
    reply = kfp_credential.Helper(context=name).send("GET", "/apis/v2beta1/experiments")
    return [one["display_name"] for one in json.loads(reply.body)["experiments"]]


def tried(listing, name):
    try:
        return listing(name)
    except kfp_credential.HelperError as error:
        return error.slug
    except Exception as error:
        # Whose exception it is differs from one version of urllib3 to the next.
        if any(word in str(error) for word in ("CERTIFICATE_VERIFY_FAILED", "CertificateError")):
            return "certificate not verified"
        raise


for name in (
    "authority",
    "no-authority",
    "server-name",
    "no-server-name",
    "skip-verify",
    "proxy",
    "no-proxy-on-loopback",
    "socks",
):
    result = tried(by_the_sdk, name)
    assert tried(alone, name) == result, name
    print(f"{name}: {result}")

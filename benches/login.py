"""Logs in at Kubeflow with requests, for whole_process.rs: login.py ENDPOINT USERNAME PASSWORD_FILE

This is the function get_istio_auth_session() of Kubeflow's documentation ("Connect the Pipelines SDK
to Kubeflow Pipelines"), with three changes: oauth2-proxy's sign-in page is passed where there is one, the
only connector is taken as Dex redirects to it, and the cookies are used once, as a client would.
"""

import html
import re
import sys
from urllib.parse import urljoin, urlsplit

import requests


def get(session, url, **options):
    response = session.get(url, allow_redirects=True, **options)
    if response.status_code != 200:
        raise RuntimeError(f"HTTP status code '{response.status_code}' for GET against: {url}")
    return response


def log_in(session, endpoint, username, password):
    response = session.get(endpoint, allow_redirects=True)
    if response.status_code == 403:
        action = re.search(r'<form[^>]* action="([^"]*/oauth2/start)"', response.text)
        start = urljoin(response.url, html.unescape(action.group(1)))
        response = get(session, start, params={"rd": urlsplit(endpoint).path})
    dex_login_url = response.url
    if not re.search(r"/auth/.*/login$", urlsplit(dex_login_url).path):
        dex_login_url = get(session, dex_login_url).url
    response = session.post(
        dex_login_url,
        data={"login": username, "password": password},
        allow_redirects=True,
    )
    if len(response.history) == 0:
        raise RuntimeError(f"No redirect after POST to: {dex_login_url}")
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


def main(endpoint, username, password_file):
    with open(password_file, encoding="utf-8") as file:
        password = file.read()
    with requests.Session() as session:
        cookies = log_in(session, endpoint, username, password)
        health = get(session, endpoint + "/apis/v2beta1/healthz").json()
        assert isinstance(health, dict), health
    print(cookies)


main(*sys.argv[1:])

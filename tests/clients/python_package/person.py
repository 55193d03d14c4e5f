"""A person at a notebook: types the password that lies in ~/password, and the name of a user."""

import builtins
import getpass
import pathlib
import sys

import kfp_credential


def type_password(prompt):
    print(f"asked: {prompt}")
    return pathlib.Path("password").read_text() if step != "wrong" else "not the password"


def type_name(prompt):
    print(f"asked: {prompt}")
    return "user@example.com"


def experiments(client):
    try:
        return [one.display_name for one in client.list_experiments(namespace="team-a").experiments]
    except kfp_credential.HelperError as error:
        return f"{error.slug} {error.exit_code}"


getpass.getpass, builtins.input = type_password, type_name
step = sys.argv[1]
if step == "wrong":
    try:
        kfp_credential.login("team-a")
    except kfp_credential.HelperError as error:
        print(error.slug, error.exit_code)
elif step == "named":
    kfp_credential.login("team-a")
    print(experiments(kfp_credential.client("team-a")))
elif step == "unnamed":
    kfp_credential.login("nobody")
elif step == "again":
    client = kfp_credential.client("team-a")
    print(experiments(client))
    print(experiments(client))
    kfp_credential.login("team-a")
    print(experiments(client))

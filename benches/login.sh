#!/bin/sh
# Logs in at Kubeflow with curl, for whole_process.rs: login.sh ENDPOINT USERNAME PASSWORD_FILE JAR
# Two calls and a jar: as far as Dex's form, which has to be read, and from it to the API's answer.
# It knows beforehand what other clients must find out: that there is oauth2-proxy's sign-in page,
# one connector, and no hidden field in the form.
set -eu
endpoint=$1 username=$2 password_file=$3 jar=$4

scheme=${endpoint%%://*} rest=${endpoint#*://}
host=${rest%%/*} path=/${rest#*/}
form=$(curl -sS -o /dev/null "$endpoint" \
    --next -sSfL -b '' -c "$jar" -o /dev/null -w '%{url_effective}' \
    "$scheme://$host/oauth2/start?rd=$path")
exec curl -sSfL -b "$jar" -c "$jar" -o /dev/null \
    --data-urlencode "login=$username" --data-urlencode "password@$password_file" "$form" \
    --next -sSf -b "$jar" "$endpoint/apis/v2beta1/healthz"

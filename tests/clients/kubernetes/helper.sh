#!/bin/sh
# Notes how a Kubernetes client runs its helper, then becomes it. The kubeconfig's `env` says how: HELPER is the program,
# RECORD the file of notes, WORDS a line for stderr, PAUSE the seconds to wait.

if [ -f /dev/stdin ]; then
    stdin=inherited # the tests give the client a file
elif [ -c /dev/stdin ]; then
    stdin=empty # /dev/null
elif timeout 0.3 cat >/dev/null; then
    stdin=empty
else
    stdin=open
fi
info=$(printf %s "$KUBERNETES_EXEC_INFO") # without the newline at its end
printf '%s %s\n' "$stdin" "${info:-null}" >>"$RECORD"

if [ -n "$WORDS" ]; then echo "$WORDS" >&2; fi
if [ -n "$PAUSE" ]; then sleep "$PAUSE"; fi
exec "$HELPER" "$@"

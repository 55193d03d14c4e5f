#!/bin/sh
# The helper of a client vector. Run N gives answer N, and the last answer ever after; each run leaves
# behind how it was called. The steps of an answer are calls of the functions below.
play='@FOLDER@'

run=1
while ! mkdir "$play/run.$run" 2>/dev/null; do run=$((run + 1)); done
echo $$ >"$play/run.$run/pid"
for word; do printf '%s\n' "$word"; done >"$play/run.$run/args"
env >"$play/run.$run/environment"
cat >"$play/run.$run/stdin"

answer=$play/answer.$run
[ -d "$answer" ] || answer=$play/answer.last

time_at() {
    date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ
}

# Writes the prepared text, with the times counted from now.
print_stdout() {
    now=$(date +%s)
    edits=
    while read -r placeholder offset; do
        edits="$edits;s/$placeholder/$(time_at $((now + offset)))/g"
    done <"$answer/times"
    LC_ALL=C sed "$edits" "$answer/stdout"
}

print_stderr() {
    cat "$answer/stderr" >&2
}

print_for_ever() {
    exec yes 'text without end'
}

# Becomes something that does not end in time.
hang() {
    exec sleep "$1"
}

# Waits for a process that holds stdout and stderr too.
hang_with_grandchild() {
    sleep "$1" &
    wait
}

die_of() {
    kill -s "$1" $$
}

. "$answer/steps"

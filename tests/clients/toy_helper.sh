#!/bin/sh
# A second helper, written from protocol/README.md alone: toy_helper.sh get [--context NAME] [--refresh]
#
# $TOY_HELPER_CONTEXTS/NAME has lines of a key and a value: `endpoint URL`, `namespace NAME`, and either `token-file FILE`,
# or `login URL` (which leads to a form), `user NAME` and `password-file FILE`. It keeps nothing: each answer is fresh.
set -u
export LC_ALL=C
usage='toy_helper.sh get [--context NAME] [--refresh]'

fail() { # exit code, slug, what failed, hint
    printf 'toy-helper: error[%s]: %s\n  hint: %s\n' "$2" "$3" "$4" >&2
    exit "$1"
}
setting() { sed -n "s/^$1 //p" "$file"; }
time_at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ; }

bearer() { # token file
    [ -e "$1" ] || fail 3 token-file-missing "$1 does not exist" "write a token to it"
    token=$(cat "$1") || fail 3 token-file-unreadable "$1 cannot be read" "check its permissions"
    case $token in
    '') fail 3 token-file-empty "$1 is empty" "write a token to it" ;;
    *[!A-Za-z0-9._~+/=-]*) fail 3 token-file-invalid "$1 holds something else than a token" "write a token to it" ;;
    esac
    type=bearer
    credential="\"token\":\"$token\",\"headers\":{\"Authorization\":[\"Bearer $token\"]}"
}

cookies() { # login page
    folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
    printf %s "$(cat "$(setting password-file)")" >"$folder/password"
    form=$(curl -sSL -b "$folder/jar" -c "$folder/jar" "$1" 2>"$folder/words" |
        sed -n 's/.*<form[^>]*method="post"[^>]*action="\([^"]*\)".*/\1/p' | sed 's/&amp;/\&/g')
    [ -n "$form" ] || fail 6 unreachable "no login form at $1: $(cat "$folder/words")" "check the address"
    origin=$(printf %s "$1" | sed 's|\(https*://[^/]*\).*|\1|')
    curl -sSL -o "$folder/page" -b "$folder/jar" -c "$folder/jar" --data-urlencode "login=$(setting user)" \
        --data-urlencode "password@$folder/password" "$origin$form" 2>"$folder/words" ||
        fail 6 unreachable "$origin: $(cat "$folder/words")" "try again"
    # Columns: domain, its subdomains too, path, secure, end, name, value.
    credential=$(awk -F '\t' '
        { hidden = sub(/^#HttpOnly_/, "") ? "true" : "false" }
        NF == 7 && $3 == "/" && $6 !~ /csrf/ && $6 $7 !~ /["\\]/ {
            header = header (header ? "; " : "") $6 "=" $7
            list = list (list ? "," : "") "{\"name\":\"" $6 "\",\"value\":\"" $7 "\",\"domain\":\"" $1 "\",\"hostOnly\":" \
                ($2 == "TRUE" ? "false" : "true") ",\"path\":\"/\",\"secure\":" tolower($4) ",\"httpOnly\":" hidden "}"
        }
        END { if (list) print "\"headers\":{\"Cookie\":[\"" header "\"]},\"cookies\":[" list "]" }' "$folder/jar")
    [ -n "$credential" ] || fail 5 dex-login-rejected "$origin refused the password of $(setting user)" "check it"
    type=cookie
}

[ "${1-}" = get ] || fail 2 usage "the one command is get" "$usage"
shift
context=default
while [ $# -gt 0 ]; do
    case $1 in
    --context) context=${2-} && shift ;;
    --refresh) ;;
    *) fail 2 usage "there is no option $1" "$usage" ;;
    esac
    shift
done
file=${TOY_HELPER_CONTEXTS:?}/$context
[ -f "$file" ] || fail 3 config-context-unknown "there is no context $context" "write $file"
now=$(date +%s)
if [ -n "$(setting token-file)" ]; then bearer "$(setting token-file)"; else cookies "$(setting login)"; fi
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false},"status":{'
printf '"expirationTimestamp":"%s",%s,"kfp":{"version":1,"type":"%s","context":"%s","endpoint":"%s","namespace":"%s",' \
    "$(time_at $((now + 3540)))" "$credential" "$type" "$context" "$(setting endpoint)" "$(setting namespace)"
printf '"issuedAt":"%s","expiresAt":"%s","expirySource":"assumed"}}}\n' "$(time_at "$now")" "$(time_at $((now + 3600)))"

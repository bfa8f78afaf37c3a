#!/bin/sh
# Signs a user id through the socket of rekey agent: user-hash.sh ASSISTANT USER [SOCKET]
# Ids with other characters than letters, digits, - and _ have to be percent-encoded in the path.
set -eu
assistant=$1 user=$2 socket=${3:-/run/rekey/agent.sock}

# As JSON: a backslash and a quote are escaped.
user=$(printf %s "$user" | sed 's/[\\"]/\\&/g')
answer=$(printf '{"user_id":"%s"}' "$user" |
  curl --silent --show-error --max-time 2 --unix-socket "$socket" --data-binary @- \
    --write-out '\n%{http_code}' "http://agent/v1/assistants/$assistant/user-hash")

status=${answer##*
}
if [ "$status" != 200 ]; then
  printf '%s\n' "$answer" >&2
  exit 1
fi
printf '%s' "$answer" | sed -n 's/.*"user_hash":"\([0-9a-f]*\)".*/\1/p'

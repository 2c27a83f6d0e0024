#!/bin/sh
# `claude auth login` without a browser: writes the next login, e2e-refresh-N-canary, newer than all previous ones. HOME/login
# holds the last N.
set -eu
[ "$*" = 'auth login' ] || { echo "This double only supports 'claude auth login', not: $*" >&2; exit 2; }
n=$(($(cat "$HOME/login" 2>/dev/null || echo 0) + 1))
echo "$n" >"$HOME/login"
umask 077
printf '{"claudeAiOauth":{"accessToken":"e2e-access-%s-canary","refreshToken":"e2e-refresh-%s-canary","expiresAt":%s,"scopes":["user:inference","user:profile"],"subscriptionType":"max"}}' \
  "$n" "$n" "$((4000000000000 + n))" >"$CLAUDE_CONFIG_DIR/.credentials.json"

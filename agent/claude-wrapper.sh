#!/bin/sh
# `claude` on the PATH of the image: the pinned CLI with the agent's own login, in every auth mode.
set -eu

state=${AGENT_STATE_DIR:-/data}
export CLAUDE_CONFIG_DIR="${CLAUDE_CONFIG_DIR:-$state/claude}"
export DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1

mkdir -p "$HOME"

credential() {
  if [ ! -r "${AGENT_CREDENTIAL_FILE:-}" ]; then
    echo "claude: AGENT_CREDENTIAL_FILE (${AGENT_CREDENTIAL_FILE:-not set}) can't be read; AGENT_AUTH_MODE=$AGENT_AUTH_MODE needs it" >&2
    exit 78
  fi
  cat "$AGENT_CREDENTIAL_FILE"
}

case ${AGENT_AUTH_MODE:-session} in
  session) ;;
  oauthToken)
    CLAUDE_CODE_OAUTH_TOKEN=$(credential)
    export CLAUDE_CODE_OAUTH_TOKEN
    ;;
  apiKey)
    ANTHROPIC_API_KEY=$(credential)
    export ANTHROPIC_API_KEY
    ;;
  federation)
    credential >/dev/null
    export ANTHROPIC_IDENTITY_TOKEN_FILE="$AGENT_CREDENTIAL_FILE"
    export CLAUDE_CODE_FEDERATION_CACHE_DIR="${CLAUDE_CODE_FEDERATION_CACHE_DIR:-$state/federation}"
    ;;
  *)
    echo "claude: AGENT_AUTH_MODE is '$AGENT_AUTH_MODE'; allowed: session, oauthToken, apiKey, federation" >&2
    exit 78
    ;;
esac

exec "${AGENT_CLAUDE_PATH:-/app/node_modules/@anthropic-ai/claude-code/bin/claude.exe}" "$@"

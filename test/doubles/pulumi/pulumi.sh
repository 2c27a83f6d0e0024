#!/bin/sh
# A `pulumi` that keeps its stacks and their state in files in the folder FAKE_NOTES. Like the real one, `stack init` writes a
# salt. Each call adds a line to the file `calls`: arguments and variables, each followed by US (037), with RS (036)
# between the two groups. A shell script starts much faster than Node.
{
  printf '%s\037' "$@"
  printf '\036'
  env | grep '^PULUMI_' | tr '\n' '\037'
  printf '\n'
} >>"$FAKE_NOTES/calls"
if [ -n "$FAKE_SALT" ] && [ "$1" = whoami ]; then echo 'encryptionsalt: v1:salt' >>Pulumi.dev.yaml; fi

stacks=$FAKE_NOTES/stacks.json
state=$FAKE_NOTES/state.json
case "$1 $2" in
'stack ls') cat "$stacks" 2>/dev/null || echo '[]' ;;
'stack init')
  if [ -n "$FAKE_FAILS" ]; then
    echo 'error: no such bucket' >&2
    exit 1
  fi
  echo 'encryptionsalt: v1:salt' >>"Pulumi.$3.yaml"
  known=$(sed 's/]$/,/' "$stacks" 2>/dev/null)
  echo "${known:-[}{\"name\":\"$3\",\"resourceCount\":0}]" >"$stacks"
  ;;
'stack export') cat "$state" 2>/dev/null || echo '{}' ;;
'stack import')
  while [ "$1" != --file ]; do shift; done
  cp "$2" "$state"
  ;;
'up --stack' | 'destroy --stack' | 'preview --stack' | 'refresh --stack') exit "${FAKE_EXIT:-0}" ;;
esac

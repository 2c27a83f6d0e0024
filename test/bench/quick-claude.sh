#!/bin/sh
# A `claude` that is no more than a shell: takes one prompt as stream-json, answers at once, and ends with its stdin.
# It starts in a millisecond, where Node.js takes fifty, so that thousands of runs take seconds.
read -r _prompt
printf '%s\n' \
  '{"type":"system","subtype":"init"}' \
  '{"type":"assistant","message":{"model":"claude-quick","content":[{"type":"text","text":"done"}]}}' \
  '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0.01,"usage":{"input_tokens":3,"output_tokens":5},"permission_denials":[]}'
while read -r _more; do :; done

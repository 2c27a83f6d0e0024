#!/bin/sh
# A `claude` in shell: reads one prompt as stream-json, answers, and exits when its stdin is closed.
# The answer comes immediately, or after a second if the prompt says so.
# It starts in a millisecond instead of the fifty that Node.js takes, so that thousands of runs take seconds.
read -r prompt
case $prompt in *'take a second'*) sleep 1 ;; esac
printf '%s\n' \
  '{"type":"system","subtype":"init"}' \
  '{"type":"assistant","message":{"model":"claude-quick","content":[{"type":"text","text":"done"}]}}' \
  '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0.01,"usage":{"input_tokens":3,"output_tokens":5},"permission_denials":[]}'
while read -r _more; do :; done

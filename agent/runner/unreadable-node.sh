#!/bin/sh
# Node for a runner. Linux lets no other process of the same user inspect one whose executable that user may not read. Here
# this is a copy of the dynamic loader, which then loads Node: a copy of Node itself would make the image a fifth larger.
exec /usr/local/lib/unreadable/node "$(command -v node)" "$@"

#!/bin/bash
for p in coder default; do
  tmux new-session -d -s "bot-$p" "hermes -p $p gateway run"
done
tmux send-keys -t x "hermes gateway run" C-m

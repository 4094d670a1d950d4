#!/bin/sh
exec runuser -u alice -- tmux new-session -d -s gw 'hermes -p boot gateway run'

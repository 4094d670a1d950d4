[ -n "$TMUX" ] || nohup hermes -p default gateway run >/dev/null 2>&1 &

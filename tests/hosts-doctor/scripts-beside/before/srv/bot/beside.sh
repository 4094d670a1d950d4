#!/bin/bash
SCRIPT_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
set -a
. "$SCRIPT_DIR/bot.env"
set +a
exec /opt/hermes/0.19.0/bin/hermes -p $NAME gateway run

#!/bin/bash
exec /opt/hermes/0.19.0/bin/hermes -p coder gateway run

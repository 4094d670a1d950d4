#!/bin/bash
export HERMES_HOME=/home/alice/.hermes
exec hermes -p d gateway run --replace

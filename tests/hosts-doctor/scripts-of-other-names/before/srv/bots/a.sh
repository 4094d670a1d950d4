#!/bin/bash
export HERMES_HOME=/home/alice/.hermes
exec hermes -p a gateway run --replace

#!/bin/bash
export HERMES_HOME=/home/alice/.hermes
exec hermes -p b gateway run --replace

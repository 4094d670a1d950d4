export HERMES_HOME=/home/alice/.hermes
exec hermes -p c gateway run --replace

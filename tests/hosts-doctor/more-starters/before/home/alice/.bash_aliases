alias gw='/opt/hermes/0.19.0/bin/hermes gateway run'
/opt/hermes/0.19.0/bin/hermes -p eight gateway run &

alias hg='hermes gateway run'
hgw() { hermes gateway run; }
# hermes gateway run
complete -W 'gateway run' hermes

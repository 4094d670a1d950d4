function gw
    if test -n "$argv"
        hermes -p $argv gateway run
    end
end
alias hg 'hermes gateway run'
if status is-login
    set -gx HERMES_HOME ~/bots
    for p in a b
        hermes -p $p gateway run &
    end
end

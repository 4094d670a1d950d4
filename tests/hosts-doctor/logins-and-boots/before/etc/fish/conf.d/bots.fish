function every
    hermes gateway run
end

screen -dmS gw
screen -S gw -X stuff "hermes -p default gateway run\n"

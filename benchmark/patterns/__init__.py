"""Files of losses and of bit errors: the formats that networks, other test benches and standards write them in."""

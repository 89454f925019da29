"""One playout buffer per file: how long a receiver waits for packets that the network delays."""

"""One network condition per file: a delay for every packet, as a function of its send time."""

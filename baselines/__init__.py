"""One codec per file; the file name is the codec's name, `make(**parameters)` builds it."""

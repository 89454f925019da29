"""`focalbench probe`: a black-box examination of any codec, through the sessions of `benchmark.types` alone."""

"""Probes: what a small network can find out from a codec's tokens [arXiv 2502.04465, section 4; arXiv 2406.14294]."""

"""The harness: run speech codecs over packets, and score what comes out."""

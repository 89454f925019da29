"""Corpora, loss traces and download sources, each with its licence and checksum."""

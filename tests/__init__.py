"""Tests, a package so that they import their helpers however pytest is started."""

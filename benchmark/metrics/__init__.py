"""One family of metrics per file: `VALUES` names its values, `make()` builds the function."""

"""One file per codec that runs in an environment of its own, for `worker.py` there; none of them is imported here."""

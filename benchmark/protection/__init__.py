"""One way of protecting packets per file: who travels together, what is sent twice, and when."""

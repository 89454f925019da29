"""Networks of metrics after their publications, into which the published checkpoints fit tensor by tensor."""

"""From the run folder to pages and tables; reads nothing else."""

"""The assets, one module a stage; a body names its inputs, its transform and nothing else."""

"""The `noriba` command: what people do with a deployment, on AWS or wherever the environment points."""

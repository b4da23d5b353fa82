"""The clients of other functions of the deployment."""

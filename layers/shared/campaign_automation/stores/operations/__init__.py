"""The stores of operating the module: visits of the reconciler, tags of accounts, kill switches."""

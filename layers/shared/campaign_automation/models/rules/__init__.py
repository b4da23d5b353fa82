"""The shapes of automation rules: conditions, actions, stored rules, and the answers of their runs."""

"""The engines of the table: DynamoDB, and one SQLite file for a process without AWS."""

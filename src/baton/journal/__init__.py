"""What is acknowledged survives: records on disk before the answer, replayed after a crash."""

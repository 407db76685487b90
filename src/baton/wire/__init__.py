"""OTLP bytes to columns and back; touches no socket and no store."""

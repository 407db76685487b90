"""The endpoint: OTLP by gRPC and HTTP in, the journal and the table out."""

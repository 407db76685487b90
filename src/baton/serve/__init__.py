"""The endpoint: OTLP by gRPC and HTTP in, the journal and the table out."""

import os

# gRPC writes a line of its own on standard error for every malformed header and failed handshake: any sender could fill
# the log. They are told; the operator who wants those lines sets the variable. It is read when grpc is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

"""One verdict a handoff, with what is known of the receiver's telemetry."""

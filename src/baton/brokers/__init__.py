"""What brokers say of themselves, as FACTS: `baton.schema.FACTS`."""

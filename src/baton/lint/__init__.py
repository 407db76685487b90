"""Dangers in a broker's set-up, before anything is lost: `baton.schema.LINT`."""

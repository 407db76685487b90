"""Traces stitched into customer journeys."""

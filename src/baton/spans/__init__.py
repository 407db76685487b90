"""From stored spans to spans that the other stages can trust: repaired, and in one vocabulary."""

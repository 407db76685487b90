"""Who owns what: ownership.yaml, its rules, and the stages that apply them."""

"""Contracts: what two teams promised each other at a boundary, and the stages that hold what was seen against it."""

"""Trust: per boundary, whether Baton may accuse there, what that rests on, and what would mend it."""

"""`python -m baton.wire.warm`: compiles the kernels for this machine, as the last step of an installation."""

from __future__ import annotations

from baton.wire.kernel import warm

if __name__ == "__main__":
    warm()

"""Commands that print the JSON Schemas of the files that people write."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

import click

from baton.cli.output import write


@click.group()
def schema() -> None:
    """Print the JSON Schema of a file that people write.

    Editors complete and check by it; the file's first line names where it was saved: `# yaml-language-server:
    $schema=ownership.schema.json`.
    """


@schema.command()
def ownership() -> None:
    """Print the JSON Schema of ownership.yaml."""
    import json

    from baton.json_schema import json_schema
    from baton.ownership.catalog import OwnershipFile

    write(json.dumps(json_schema(OwnershipFile, "Baton's ownership.yaml"), indent=2) + "\n")


@schema.command()
def contracts() -> None:
    """Print the JSON Schema of contracts.yaml."""
    import json

    from baton.contracts.contract import Contracts
    from baton.json_schema import json_schema

    write(json.dumps(json_schema(Contracts, "Baton's contracts.yaml"), indent=2) + "\n")


COMMANDS = (schema,)

"""`shardstream device`: its commands and their options, which other commands share."""

from pathlib import Path
from typing import Annotated

import typer

Database = Annotated[
    str | None, typer.Option(help="Look names up there too: sqlite:///FILE or postgresql://…")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the JSON document, nothing else.")]

device_app = typer.Typer(
    help="Device profiles: the catalogue, entries estimated from it, what whole models take there."
)


@device_app.command("list")
def device_list() -> None:
    """List the catalogue."""
    from planner_api.commands.devices import list_devices

    list_devices()


Reference = Annotated[str, typer.Argument(metavar="DEVICE", help="File, name or digest.")]


@device_app.command("show")
def device_show(reference: Reference, database: Database = None) -> None:
    """Print a device profile as JSON."""
    from planner_api.commands.devices import show_device

    show_device(reference, database=database)


@device_app.command("scale")
def device_scale(
    reference: Reference,
    model: Annotated[str, typer.Option(help="Store folder, manifest, name or digest.")],
    sequence_length: Annotated[int, typer.Option(min=1)] = 128,
    compute_target: Annotated[str, typer.Option()] = "cpu",
    database: Database = None,
    out: Annotated[Path | None, typer.Option(help="Write the profile to this file.")] = None,
) -> None:
    """Estimate a compute entry for another model or length; the rule goes to stderr."""
    from planner_api.commands.devices import scaled_device, write_scaled

    profile = scaled_device(
        reference,
        model=model,
        compute_target=compute_target,
        sequence_length=sequence_length,
        database=database,
    )
    write_scaled(profile, out)


@device_app.command("baselines")
def device_baselines(
    reference: Reference,
    model: Annotated[str, typer.Option(help="Model: store folder, manifest, name or digest.")],
    database: Database = None,
    bits: Annotated[
        list[int] | None, typer.Option(help="This bitwidth; once for each. (default: all)")
    ] = None,
    compute_target: Annotated[str, typer.Option()] = "cpu",
    sequence_length: Annotated[int, typer.Option(min=1)] = 128,
    as_json: AsJson = False,
) -> None:
    """Simulate a whole model without a plan: loaded first, layer by layer, or held in memory."""
    from planner_api.commands.baselines import show_baselines

    show_baselines(
        device=reference,
        model=model,
        database=database,
        bits=tuple(bits or ()),
        compute_target=compute_target,
        sequence_length=sequence_length,
        as_json=as_json,
    )

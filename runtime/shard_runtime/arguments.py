"""Options of the `shard-runtime` commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from plan_contracts import __version__
from shard_runtime.engine import ENGINE_NAMES


def build_parser() -> argparse.ArgumentParser:
    """The parser; `options.command` names the command."""
    parser = argparse.ArgumentParser(
        prog="shard-runtime", description="Run Shardstream plans on this device."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_measure(commands.add_parser("measure", help="write the profile of this device"))
    _add_run(commands.add_parser("run", help="run a plan"))
    _add_load(commands.add_parser("load-then-run", help="the baseline: load all, then compute"))
    _add_store(commands.add_parser("verify", help="check every byte of a shard store"))
    _add_fetch(commands.add_parser("fetch", help="fetch a plan from the planning service"))
    return parser


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, required=True, help="folder of the shard store")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="auto")
    parser.add_argument("--direct", action="store_true", help="read past the page cache (O_DIRECT)")
    parser.add_argument("--flash-bandwidth", metavar="50MB/s", help="read no faster than this")
    parser.add_argument(
        "--flash-overhead-us", type=int, default=0, help="with --flash-bandwidth: of every read"
    )


def _add_input(parser: argparse.ArgumentParser) -> None:
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", help="needs the extra `tokenizers`")
    text.add_argument("--token-ids", type=int, nargs="+", metavar="ID")
    parser.add_argument("--truncate", action="store_true", help="cut inputs that are too long")
    parser.add_argument("--cold", action="store_true", help="empty the page cache before each run")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run N times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is printed as JSON")


def _add_measure(parser: argparse.ArgumentParser) -> None:
    _add_machine(parser)
    parser.add_argument(
        "--sequence-length", type=int, nargs="+", default=[128], metavar="S", help="default 128"
    )
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each number")
    parser.add_argument("--name", help="name of the device; default: of this host")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN.json")
    _add_machine(parser)
    _add_input(parser)
    parser.add_argument("--device", type=Path, metavar="PROFILE.json", help="of this device")
    parser.add_argument(
        "--accept-device-change", action="store_true", help="run another device's plan"
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write the median run's trace")
    parser.add_argument("--post", metavar="URL", help="report every run to this planning service")


def _add_load(parser: argparse.ArgumentParser) -> None:
    _add_machine(parser)
    _add_input(parser)
    parser.add_argument("--bits", type=int, required=True)
    parser.add_argument("--depth", type=int, help="default: all layers")
    parser.add_argument("--width", type=int, help="default: all slices")
    parser.add_argument("--sequence-length", type=int, default=128, metavar="S")


def _add_fetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="URL", help="address of the planning service")
    parser.add_argument("plan", metavar="PLAN", help="id or name of the plan")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")

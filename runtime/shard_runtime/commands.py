"""The commands of `shard-runtime`."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from plan_contracts import ContractError, DeviceProfile, Plan, __version__
from shard_runtime.arguments import build_parser
from shard_runtime.client import fetch_plan, post_run
from shard_runtime.engine import load_engine
from shard_runtime.errors import InputError, ShardRuntimeError
from shard_runtime.execution import Machine
from shard_runtime.executor import DeviceChangeWarning, PlanRunner, load_then_run, uniform_layers
from shard_runtime.files import write_atomically
from shard_runtime.measure import MeasureOptions, measure
from shard_runtime.reader import (
    CAN_FORGET,
    PacedReader,
    forget_cached,
    open_reader,
    parse_bandwidth,
)
from shard_runtime.report import (
    ProcessMemory,
    RunReport,
    describe_spread,
    median_run,
    stall_us,
)
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens, tokenize

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Generator, Sequence

    from shard_runtime.execution import Run
    from shard_runtime.tokens import Tokens

BAD_INPUT = 2
INTERRUPTED = 130
NANOSECONDS_PER_MICROSECOND = 1000


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; its exit status: 0, or 2 with one line on standard error."""
    options = build_parser().parse_args(arguments)
    commands = {
        "measure": _measure,
        "run": _run,
        "load-then-run": _load_then_run,
        "verify": _verify,
        "fetch": _fetch,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DeviceChangeWarning)
            warnings.showwarning = _print_warning
            commands[options.command](options)
    except (ShardRuntimeError, ContractError, OSError) as error:
        print(f"shard-runtime: error: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _measure(options: Namespace) -> None:
    with _machine(options) as machine:
        profile = measure(machine, _measure_options(options, machine), _note)
    write_atomically(options.out, profile.to_json(indent=2) + "\n")
    storage = profile.storage
    _say(f"storage   {storage.bandwidth_bytes_per_s} bytes/s, {storage.request_overhead_us} us")
    for entry in profile.compute:
        _say(f"tokens    {entry.sequence_length}: layer {entry.layer_us} us")
        _say(f"          decode {entry.shard_decode_us} us, once a run {entry.fixed_us} us")
    _say(f"spread    {describe_spread(profile.provenance)}")
    _say(f"written   {options.out} {profile.digest}")


def _measure_options(options: Namespace, machine: Machine) -> MeasureOptions:
    manifest = machine.store.manifest
    pace = f"paced at {options.flash_bandwidth}" if options.flash_bandwidth else "unpaced"
    cold = CAN_FORGET and not options.direct and not options.flash_bandwidth
    cache = "page cache emptied before each run" if cold else "page cache as it was"
    return MeasureOptions(
        sequence_lengths=tuple(options.sequence_length),
        name=options.name or platform.node() or "this-device",
        description=f"{os.cpu_count()} x {platform.machine()}; storage {pace}",
        source=(
            f"shard-runtime {__version__} measure, {type(machine.engine).__name__}, "
            f"{'O_DIRECT' if options.direct else cache}, "
            f"model {manifest.model} {manifest.digest}"
        ),
        date=dt.datetime.now(dt.UTC).date(),
        rounds=options.rounds,
        cold=cold,
    )


def _run(options: Namespace) -> None:
    idle, started = ProcessMemory(), time.perf_counter_ns()
    plan = Plan.from_file(options.plan)
    device = None if options.device is None else DeviceProfile.from_file(options.device)
    with _machine(options) as machine:
        tokens = _tokens(options, machine, plan.target.sequence_length)
        runner = PlanRunner(
            plan, machine, device=device, accept_device_change=options.accept_device_change
        )
        start_up_us = _microseconds_since(started) - runner.preload_us
        runs = _repeat(options, machine, lambda: runner.run(tokens))
    report = _report(
        machine, runs, idle, plan=runner.plan, start_up_us=start_up_us, preload_us=runner.preload_us
    )
    _say(f"plan      {runner.plan.id}: {plan.depth} layers x {plan.width} slices")
    _publish(report, options, machine)
    if options.trace is not None:
        write_atomically(options.trace, runner.trace(median_run(runs)).to_json(indent=2) + "\n")
    if options.post is not None:
        for run in runs:
            post_run(options.post, runner.trace(run))
        _say(f"posted    {len(runs)} to {options.post}")


def _load_then_run(options: Namespace) -> None:
    idle, started = ProcessMemory(), time.perf_counter_ns()
    with _machine(options) as machine:
        manifest = machine.store.manifest
        for name, value, most in (
            ("depth", options.depth, manifest.layers),
            ("width", options.width, manifest.slices),
        ):
            _require_within(name, value, most)
        machine.store.range_of(0, 0, options.bits)
        layers = uniform_layers(manifest, options.bits, depth=options.depth, width=options.width)
        tokens = _tokens(options, machine, options.sequence_length)
        start_up_us = _microseconds_since(started)
        runs = _repeat(options, machine, lambda: load_then_run(layers, machine, tokens))
    report = _report(machine, runs, idle, plan=None, start_up_us=start_up_us, preload_us=0)
    _publish(report, options, machine)


def _verify(options: Namespace) -> None:
    store = ShardStore.open(options.store)
    store.verify()
    _say(f"verified  {store.manifest.model} {store.digest}")


def _fetch(options: Namespace) -> None:
    plan, is_new = fetch_plan(options.service, options.plan, options.out)
    _say(f"{'fetched' if is_new else 'unchanged'} {plan.id} in {options.out}")


@contextmanager
def _machine(options: Namespace) -> Generator[Machine]:
    """Store, engine and reader as the options have them; the reader's files are closed after."""
    store = ShardStore.open(options.store)
    reader, reason = open_reader(store.shard_files()[0], direct=options.direct)
    if reason is not None:
        _note(f"reading through the page cache: {reason}")
    if options.flash_bandwidth is not None:
        bandwidth = parse_bandwidth(options.flash_bandwidth)
        reader = PacedReader(reader, bandwidth, options.flash_overhead_us)
    try:
        yield Machine(store=store, engine=load_engine(options.engine, store), reader=reader)
    finally:
        reader.close()


def _tokens(options: Namespace, machine: Machine, sequence_length: int) -> Tokens:
    text: str | None = options.text
    ids = options.token_ids if text is None else tokenize(machine.store, text)
    pad = machine.store.architecture.pad_token
    return pad_tokens(ids, sequence_length, pad_token=pad, truncate=options.truncate)


def _repeat(options: Namespace, machine: Machine, execute: Callable[[], Run]) -> list[Run]:
    if options.repeat < 1:
        message = f"--repeat must be at least 1, got {options.repeat}"
        raise InputError(message)
    runs: list[Run] = []
    for _ in range(options.repeat):
        if options.cold:
            forget_cached(machine.store.shard_files())
        runs.append(execute())
    return runs


def _report(  # noqa: PLR0913 - what is printed of a command's runs
    machine: Machine,
    runs: Sequence[Run],
    idle: ProcessMemory,
    *,
    plan: Plan | None,
    start_up_us: int,
    preload_us: int,
) -> RunReport:
    middle = median_run(runs)
    resident_bytes = machine.store.manifest.resident_bytes
    return RunReport(
        plan_id=None if plan is None else plan.id,
        engine=type(machine.engine).__name__,
        latencies_us=tuple(run.latency_us for run in runs),
        latency_us=middle.latency_us,
        predicted_latency_us=None if plan is None else plan.predicted.latency_us,
        stall_us=stall_us(middle),
        peak_memory_bytes=middle.peak_memory_bytes,
        predicted_peak_memory_bytes=None if plan is None else plan.predicted.peak_memory_bytes,
        weight_bytes=middle.peak_memory_bytes - middle.working_bytes - resident_bytes,
        resident_bytes=resident_bytes,
        rss_rise_bytes=idle.rise_bytes(),
        start_up_us=start_up_us,
        preload_us=preload_us,
        output=tuple(middle.output[0].tolist()),
    )


def _publish(report: RunReport, options: Namespace, machine: Machine) -> None:
    for line in report.lines(machine.store.architecture):
        _say(line)
    if options.json is not None:
        write_atomically(options.json, json.dumps(asdict(report), indent=2) + "\n")


def _require_within(name: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        message = f"--{name} must be one of 1..{most}, got {value}"
        raise InputError(message)


def _microseconds_since(start: int) -> int:
    return (time.perf_counter_ns() - start) // NANOSECONDS_PER_MICROSECOND


def _say(line: str) -> None:
    print(line)  # noqa: T201 - a command line


def _note(line: str) -> None:
    print(f"shard-runtime: {line}", file=sys.stderr)  # noqa: T201 - a command line


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    _note(f"warning: {message}")

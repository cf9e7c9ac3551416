"""`shardstream`: the commands and their options; what they do stands in planner_api/commands.

Exit codes: 0 done (an infeasible request has an answer too), 2 bad input, 3 no plan to write to
`--out`, 130 interrupted, 1 anything unexpected; `verify` ends with 0 if the response is verified
and with 1 if it is refused or a part of its proof rests on a solver's word. Each command imports
what it needs when it runs, so that help comes at once.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from planner_api.commands.device_cli import AsJson, Database, device_app
from planner_api.commands.exit_codes import ExitCode
from shard_runtime.__main__ import compute_on_one_thread

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(device_app, name="device", no_args_is_help=True)

RequestArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="A PlanRequest as JSON; - reads standard input.")
]
DeviceOption = Annotated[str | None, typer.Option(help="Device instead: file, name or digest.")]
ModelOption = Annotated[
    str | None, typer.Option(help="Model instead: store folder, manifest, name or digest.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes to work with.")]
Dataset = Annotated[
    Path | None, typer.Option(metavar="FILE.tsv", help="A labelled task: header, then rows.")
]
Sentences = Annotated[Path | None, typer.Option(help="Text without labels, one sentence a line.")]
TextColumn = Annotated[
    list[str] | None,
    typer.Option(help="Column of the text; twice for pairs. (default: all but label and idx)"),
]
LabelColumn = Annotated[str, typer.Option(help="Column of the label.")]
TableOption = Annotated[str | None, typer.Option(help="Importance table instead: file or name.")]


def _print_version(value: bool) -> None:
    if value:
        from plan_contracts import __version__

        print(__version__)  # noqa: T201 - the output
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Plan, prove, simulate and serve transformer inference streamed from flash."""
    del version  # its callback has ended the program


def main() -> None:
    """Run a command; ends the process with its exit code."""
    compute_on_one_thread()  # what works in parallel does so in processes
    try:
        sys.exit(app(standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        message = mendable(error)
        if message is None:
            raise
        if message:  # a command without arguments has printed its help instead
            print(f"shardstream: {message}", file=sys.stderr)  # noqa: T201 - the line of an error
        sys.exit(ExitCode.BAD_INPUT)


def mendable(error: Exception) -> str | None:
    """What the user can mend, in one line; None for an error of ours."""
    if isinstance(error, typer.TyperException):
        return " ".join(error.format_message().split())
    from planner_api.commands.failures import MENDABLE, one_line

    return one_line(error) if isinstance(error, MENDABLE) else None


@app.command()
def build(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A Hugging Face checkpoint folder; example: the installed MiniLM; "
            "sentiment: the elastic classifier that ships."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write the store to.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the model. (default: the folder's)")
    ] = None,
    bitwidths: Annotated[
        list[int] | None, typer.Option(help="Offer this bitwidth; once for each. (default: all)")
    ] = None,
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Width m means slices 0..m-1 (elastic models).")
    ] = False,
    quantiser: Annotated[
        Literal["gobo", "gobo-layer", "kmeans", "compensated"] | None,
        typer.Option(help="How to round. (default: compensated with --calibration, else kmeans)"),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Texts of the task, one a line, or its .tsv, whose labels are not looked at; "
            "example: film reviews that ship."
        ),
    ] = None,
    workers: Workers = 1,
) -> None:
    """Cut a checkpoint into shards at several bitwidths."""
    from planner_api.commands.build import StoreOptions
    from planner_api.commands.build import build as run

    options = StoreOptions(slice_selection="prefix" if prefix else None, quantiser=quantiser)
    if bitwidths:
        options = replace(options, bitwidths=tuple(sorted(bitwidths)))
    run(checkpoint, out, name=name, options=options, calibration=calibration, workers=workers)


@app.command("elastic-train")
def elastic_train(
    checkpoint: Annotated[
        str,
        typer.Argument(help="A Hugging Face checkpoint folder; example: the installed example."),
    ],
    dataset: Annotated[
        Path, typer.Argument(metavar="FILE.tsv", help="A labelled task: header, then rows.")
    ],
    out: Annotated[Path, typer.Option(help="The new checkpoint folder.")],
    test: Annotated[
        Path | None, typer.Option(metavar="FILE.tsv", help="Judge the result on these rows too.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(help="Name of a class, in order; once for each. (default: the checkpoint's)"),
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = "label",
    depths: Annotated[
        list[int] | None, typer.Option(help="Train this depth; once for each. (default: from 2)")
    ] = None,
    widths: Annotated[
        list[int] | None,
        typer.Option(help="Train this width; once for each. (default: from a quarter)"),
    ] = None,
    plain_epochs: Annotated[float, typer.Option(help="Epochs of the whole model alone.")] = 1.0,
    elastic_epochs: Annotated[float, typer.Option(help="Epochs of all depths and widths.")] = 2.0,
    held_out_rows: Annotated[int, typer.Option(help="Rows kept from training.")] = 500,
    seed: Annotated[int, typer.Option(help="Decides all that is random.")] = 0,
    precision: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="Of matrix products.")
    ] = "float32",
    threads: Annotated[int, typer.Option(help="Threads to compute on.")] = 1,
) -> None:
    """Train one model to answer at every depth and width; resumed if interrupted."""
    from planner_api.commands.elastic_train import TaskFiles
    from planner_api.commands.elastic_train import elastic_train as run
    from shard_builder.elastic.settings import TrainingSettings
    from shard_builder.task_file import Columns

    columns = Columns(texts=tuple(text_column or ()), label=label_column)
    files = TaskFiles(train=dataset, test=test, columns=columns, labels=labels or ())
    settings = TrainingSettings(
        depths=tuple(depths) if depths else None,
        widths=tuple(widths) if widths else None,
        plain_epochs=plain_epochs,
        elastic_epochs=elastic_epochs,
        held_out_rows=held_out_rows,
        seed=seed,
        precision=precision,
        threads=threads,
    )
    run(checkpoint, files, out, settings=settings)


@app.command("profile-importance")
def profile_importance(
    store: Annotated[Path, typer.Argument(help="A shard store.")],
    out: Annotated[Path, typer.Option(help="The table to write; resumed if interrupted.")],
    text: Annotated[
        Path | None,
        typer.Option(help="A sentence a line, or a task (.tsv). (default: sentences that ship)"),
    ] = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="Use this many of them. (default: all)")
    ] = None,
    sequence_length: Annotated[int, typer.Option(min=1)] = 32,
    workers: Workers = 1,
) -> None:
    """Measure what every shard is worth to the output, without labels."""
    from planner_api.commands.build import ProfileOptions
    from planner_api.commands.build import profile_importance as run

    options = ProfileOptions(sentences=sentences, sequence_length=sequence_length)
    if text is not None:
        options = replace(options, text=text)
    run(store, out, options=options, workers=workers)


@app.command()
def plan(
    request: RequestArgument,
    device: DeviceOption = None,
    model: ModelOption = None,
    importance: TableOption = None,
    database: Database = None,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(help="Write the plan to this file.")] = None,
    re_measure: Annotated[
        int | None,
        typer.Option(metavar="K", help="Measure the K best plans on text, take the best of them."),
    ] = None,
    store: Annotated[Path | None, typer.Option(help="Store to measure on.")] = None,
    dataset: Dataset = None,
    sentences: Sentences = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = "label",
) -> None:
    """Answer a request here, without a server.

    Ends with 0 whenever there is an answer, infeasible too; with 3 if --out asks for a plan and
    there is none.
    """
    from planner_api.commands.inputs import given_documents
    from planner_api.commands.plan import plan as run

    given = given_documents(device=device, model=model, importance=importance)
    if re_measure is not None:
        from planner_api.commands.evaluate import texts_of
        from planner_api.commands.re_measure import plan_by_measurement, re_measuring
        from planner_api.commands.resolved import inputs_of

        texts = texts_of(dataset, sentences, text_column, label_column)
        wanted = re_measuring(re_measure, store, model, texts)
        inputs = inputs_of(request, given, database)
        raise typer.Exit(plan_by_measurement(inputs, wanted, as_json=as_json, out=out))
    _require_none({"--store": store, "--dataset": dataset, "--sentences": sentences})
    raise typer.Exit(run(request, given=given, database=database, as_json=as_json, out=out))


def _require_none(measured_on: Mapping[str, Path | None]) -> None:
    """Nothing is measured without --re-measure."""
    from planner_api.errors import InvalidRequestError

    for option, place in measured_on.items():
        if place is not None:
            message = f"{option} needs --re-measure, got {option} {place} without"
            raise InvalidRequestError(message)


@app.command()
def verify(
    request: RequestArgument,
    response: Annotated[
        Path, typer.Argument(metavar="RESPONSE", help="A PlanResponse as JSON, of that request.")
    ],
    device: DeviceOption = None,
    model: ModelOption = None,
    importance: TableOption = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Check a response without the optimiser: plan, times, bytes, score and every bound.

    Ends with 0 if it is verified, with 1 if it is refused or not proven.
    """
    from planner_api.commands.inputs import given_documents
    from planner_api.commands.verify import verify_response as run

    given = given_documents(device=device, model=model, importance=importance)
    raise typer.Exit(run(request, response, given=given, database=database, as_json=as_json))


@app.command()
def simulate(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan as JSON.")],
    device: Annotated[str, typer.Option(help="Its device: file, name or digest.")],
    model: Annotated[str, typer.Option(help="Its model: store folder, manifest, name or digest.")],
    database: Database = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs under the device's jitter.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a Gantt picture (SVG).")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write a Chrome trace for Perfetto.")] = None,
    measured: Annotated[
        list[Path] | None,
        typer.Option(help="A run of it that was measured, beside it in the trace; once for each."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a plan."""
    from planner_api.commands.simulate import Wanted, simulate_plan

    wanted = Wanted(
        runs=runs,
        seed=seed,
        as_json=as_json,
        plot=plot,
        trace=trace,
        measured=tuple(measured or ()),
    )
    simulate_plan(plan_file, device=device, model=model, database=database, wanted=wanted)


@app.command()
def evaluate(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan as JSON.")],
    store: Annotated[Path, typer.Option(help="The shard store of its model.")],
    dataset: Dataset = None,
    sentences: Sentences = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = "label",
    engine: Annotated[Literal["auto", "numpy", "numba"], typer.Option()] = "auto",
    batched: Annotated[
        bool, typer.Option("--batched", help="Many texts at a time: faster, rounded otherwise.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a plan's bits on a task: accuracy, distance to the full model, predicted score.

    Answers are those of shard-runtime, bit for bit, unless --batched.
    """
    from planner_api.commands.evaluate import Manner, texts_of
    from planner_api.commands.evaluate import evaluate as run

    texts = texts_of(dataset, sentences, text_column, label_column)
    run(plan_file, store, texts, Manner(engine=engine, batched=batched), as_json=as_json)


@app.command()
def explain(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan as JSON.")],
    device: Annotated[str, typer.Option(help="Its device: file, name or digest.")],
    model: Annotated[str, typer.Option(help="Its model: store folder, manifest, name or digest.")],
    importance: Annotated[str, typer.Option(help="Its importance table: file, name or digest.")],
    database: Database = None,
    count: Annotated[int, typer.Option(min=0, help="Shards in each list at most.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say what room a plan has, which shards are next in line and what they need."""
    from planner_api.commands.explain import explain_plan
    from planner_api.commands.resolved import documents_of

    documents = documents_of(device=device, model=model, importance=importance, database=database)
    explain_plan(plan_file, documents, count=count, as_json=as_json)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="PLAN_A", help="A plan as JSON.")],
    after: Annotated[Path, typer.Argument(metavar="PLAN_B", help="A plan as JSON.")],
    as_json: AsJson = False,
) -> None:
    """Show what changes from one plan to another."""
    from planner_api.commands.diff import diff_plans

    diff_plans(before, after, as_json=as_json)


@app.command()
def frontier(
    request: RequestArgument,
    latency_us: Annotated[
        str, typer.Option(metavar="LOW:HIGH:COUNT", help="Latency targets, in microseconds.")
    ],
    preload_bytes: Annotated[
        str, typer.Option(metavar="LOW:HIGH:COUNT", help="Preload buffers, in bytes.")
    ] = "0",
    device: DeviceOption = None,
    model: ModelOption = None,
    importance: TableOption = None,
    database: Database = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, nothing else.")] = False,
) -> None:
    """Find the best score for many latency targets and preload buffers at once.

    Every score is proven to half a percent of the range of scores.
    """
    from planner_api.commands.frontier import show_frontier
    from planner_api.commands.inputs import given_documents
    from planner_api.commands.resolved import inputs_of

    given = given_documents(device=device, model=model, importance=importance)
    form = "json" if as_json else "csv" if as_csv else "table"
    inputs = inputs_of(request, given, database)
    show_frontier(inputs, latencies=latency_us, preloads=preload_bytes, form=form)


@app.command()
def least(
    quantity: Annotated[Literal["latency", "bytes", "preload"], typer.Argument()],
    request: RequestArgument,
    score: Annotated[float, typer.Option(help="The score to reach, in the table's unit.")],
    device: DeviceOption = None,
    model: ModelOption = None,
    importance: TableOption = None,
    database: Database = None,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(help="Write its plan to this file.")] = None,
) -> None:
    """Find the least latency, bytes read or preload that reaches a score, with proof.

    The request's other limits stay. Ends with 3 if --out asks for a plan and there is none.
    """
    from planner_api.commands.inputs import given_documents
    from planner_api.commands.least import show_least
    from planner_api.commands.resolved import inputs_of

    given = given_documents(device=device, model=model, importance=importance)
    inputs = inputs_of(request, given, database)
    raise typer.Exit(show_least(inputs, quantity, score, as_json=as_json, out=out))


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address; 127.0.0.1 unless keys are set.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one. (8080)")] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://USER@HOST/NAME.")
    ] = None,
    store: Annotated[
        list[Path] | None,
        typer.Option(help="A shard store to try plans of its model on; once for each."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
) -> None:
    """Serve plans, and a page to explore them, over HTTP.

    SHARDSTREAM_* variables set what no option sets.
    """
    from planner_api.commands.serve import serve as run

    stores = tuple(store) if store else None
    run(host=host, port=port, database=database, stores=stores, log_format=log_format)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where store, table and runs are kept.")] = Path(
        "shardstream-demo"
    ),
    flash_bandwidth: Annotated[str, typer.Option(help="Read no faster than this.")] = "50MB/s",
    deadline_ms: Annotated[
        float | None, typer.Option(min=1, help="[a sixth of loading the full model first]")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each plan.")] = 5,
    out: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")] = None,
) -> None:
    """Shard, profile, measure, plan, serve, fetch and run a real model against a deadline."""
    from planner_api.commands.demo import demo as run
    from planner_api.demo.story import DemoOptions

    options = DemoOptions(
        folder=folder,
        flash_bandwidth=flash_bandwidth,
        deadline_us=None if deadline_ms is None else round(deadline_ms * 1000),
        repeat=runs,
    )
    run(options, out=out)


if __name__ == "__main__":
    main()

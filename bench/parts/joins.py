from collections.abc import Iterator

from bench.figures import Picture, Row, Size
from bench.join import Alone, Joins
from bench.join import measure as measure_joins

PROMISED = 0.5  # of an empty view, at 128 connections
AIM = 16_700  # a second: a million people in the first minute


def measure(size: Size) -> Iterator[Row | Picture]:
    connections = [128] if size.quick else [8, 32, 64, 128, 256, 512]
    curve: list[Joins] = []
    generator = None
    for figure in measure_joins(2, size.of(3, 2), connections):
        if isinstance(figure, Joins):
            curve.append(figure)
            yield from rows(figure)
        else:
            yield Row(figure.what, alone(figure))
            generator = figure
    best = max(curve, key=lambda joins: joins.rate)
    assert generator  # the last that is measured
    # The generator must not be what is measured: its rate to a server that does nothing.
    yield Row(
        f"{generator.what}, against {best.connections} connections above",
        f"{generator.rate:,.0f}/s", f"{best.rate:,.0f}/s", generator.rate / best.rate, "2",
        generator.rate / best.rate >= 2,
    )  # fmt: skip
    if not size.quick:
        yield from pictures(curve)


def rows(joins: Joins) -> Iterator[Row]:
    result = (
        f"{joins.rate:,.0f}/s, best {joins.best:,.0f}; p50 {joins.p50:.1f} ms, "
        f"p99 {joins.p99:.0f} ms; {joins.refused} refused of {joins.written:,}"
    )
    empty = f"an empty view: {joins.empty:,.0f}/s"
    main = joins.connections == 128
    yield Row(
        f"joins, {joins.connections} connections", result, empty, joins.of_empty,
        f"{PROMISED}" if main else "", joins.of_empty >= PROMISED if main else None,
    )  # fmt: skip
    if main:
        yield Row("the same", "", "pgbench's bare insert", joins.of_pgbench)


def alone(figure: Alone) -> str:
    took = f"; p50 {figure.p50:.1f} ms, p99 {figure.p99:.1f} ms" if figure.p50 else ""
    return f"{figure.rate:,.0f}/s{took}"


def pictures(curve: list[Joins]) -> Iterator[Picture]:
    labels = [f"{joins.connections}" for joins in curve]
    yield Picture(
        "joins-throughput", "Joins a second by connections", "per second", "Connections", labels,
        {"joins": [each.rate for each in curve], "empty view": [each.empty for each in curve]},
    )  # fmt: skip
    yield Picture(
        "joins-latency", "How long a join takes by connections", "ms", "Connections", labels,
        {"p50": [each.p50 for each in curve], "p99": [each.p99 for each in curve]}, decimals=1,
    )  # fmt: skip

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.cores import counted
from bench.figures import Row, Size, percentile
from bench.flows import ticking, walk
from bench.parts.bookings import per_person
from bench.people import admitted, broken_invariants, cookies_of, eligible, open_both
from bench.portal import make_room, portal, serving, wrk

AIM = 300_000  # an hour
MOST = 200  # people a second that a run has
STEPS = (
    "home", "eligibility", "join", "ticket", "poll", "enter", "finder", "hold", "confirm", "receipt"
)  # fmt: skip


def measure(size: Size) -> Iterator[Row]:
    seconds, turns, warm_up = size.of(15, 6), size.of(2, 1), 400
    needed = MOST * seconds * turns
    with portal():
        from waiting_room.services.rooms import set_pace

        room, _people = make_room("bench", 0)
        set_pace(room=room, max_active=10**7, max_per_minute=10**6, by="bench")
        open_both()
        ways = {
            "whole": iter(cookies_of(eligible(room, needed + warm_up))),
            "booking": iter(cookies_of(admitted(2 * needed + warm_up))),
        }
        results = {name: [] for name in ways}
        with serving("portal") as (url, process), ticking(room.pk):
            for turn in range(-1, turns):
                for way, people in ways.items():
                    count = warm_up if turn < 0 else needed // turns * (1 + (way == "booking"))
                    share = [next(people) for _ in range(count)]
                    with counted(process) as cores:
                        walked = walk(
                            url, way, share, cohort="bench", seconds=3 if turn < 0 else seconds
                        )
                    if turn >= 0:
                        results[way].append((walked, cores))
            pages = list(cost_of_pages(url, process, room))
        broken = broken_invariants()
    yield from report(results)
    yield from pages
    if broken:
        raise RuntimeError(f"broken: {broken}")


def cost_of_pages(url: str, process, room) -> Iterator[Row]:
    """CPU of each page that only shows something, asked for again and again by one person."""
    from waiting_room.services.joining import issue_ticket

    person_id = eligible(room, 1)[0]
    ticket = issue_ticket(room=room, person_id=person_id)
    script = "wrk.headers['Cookie'] = '{}'; wrk.headers['Accept-Language'] = 'ko'\n"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script.format(cookies_of([person_id])[0]))
        file.flush()
        for page in ("/", "/eligibility/", f"/queue/t/{ticket.pk}/", "/queue/bench/now.json"):
            with counted(process) as cores:
                asked = wrk(f"{url}{page}", connections=4, seconds=2, script=Path(file.name))
            web, postgres = (
                1000 * each / asked["requests"] for each in (cores.web, cores.postgres)
            )
            yield Row(
                f"CPU of `{page.replace(str(ticket.pk), '<ticket>')}`, again and again",
                f"web {web:.2f} ms, Postgres {postgres:.2f} ms; {asked['wrong']} failed",
            )


def report(results: dict[str, list]) -> Iterator[Row]:
    rates = {way: sum(walked.rate for walked, _ in turns) / len(turns)
             for way, turns in results.items()}  # fmt: skip
    walked, cores = max(results["whole"], key=lambda turn: turn[0].rate)
    hourly = rates["whole"] * 3600
    stuck = sum((turn.stuck for turn, _cores in results["whole"]), start=type(walked.stuck)())
    yield Row(
        "the whole path, 16 connections, mean of the turns",
        f"{rates['whole']:.0f}/s, {hourly:,.0f} an hour; {walked.latency()} for an answer; "
        f"{stuck.total()} stuck{f' {dict(stuck)}' if stuck else ''}",
        f"bookings alone: {rates['booking']:.0f}/s", rates["whole"] / rates["booking"],
        f"{AIM:,} an hour", hourly >= AIM,
    )  # fmt: skip
    spent = per_person(walked, cores)
    total = sum(spent.values())
    for name, each in spent.items():
        yield Row(f"CPU of a path: {name}", f"{each:.1f} ms", "of all", each / total)
    yield Row(
        "what two cores could do, if they did nothing else",
        f"{2000 / total:.0f}/s, {7_200_000 / total:,.0f} an hour",
    )
    polls = len(walked.steps["poll"]) / max(walked.through, 1)
    for step in STEPS:
        times = walked.steps[step]
        again = f"; {polls:.1f} each" if step == "poll" else ""
        yield Row(
            f"step: {step}",
            f"p50 {percentile(times, 50):.1f} ms, p99 {percentile(times, 99):.0f} ms{again}",
        )

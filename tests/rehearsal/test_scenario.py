"""Scenario files: what is kept can be played, and a bad file is refused with key and rule."""

import random
import tomllib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from rehearsal import scenario
from rehearsal.scenario import Fault, Scenario, ScenarioError

GOOD = """
title_ko = "저녁"
title_en = "An evening"
[arrivals]
burst = 10
per_second = [2, 1]
"""


def read(text: str) -> Scenario:
    return scenario.read("evening", tomllib.loads(text))


def test_kept_scenarios_are_named_with_their_size():
    out = StringIO()

    call_command("rehearse", list=True, stdout=out)

    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [
        "12-july-2021", "19-july-2021", "20-july-2021", "soak", "trial",
    ]  # fmt: skip
    assert "20,000 citizens in 10 minutes" in lines[2]


@pytest.mark.parametrize("name", scenario.names())
def test_a_kept_scenario_says_what_is_reported_and_what_is_assumed(name):
    plan = scenario.load(name)
    text = (scenario.FOLDER / f"{name}.toml").read_text()

    assert plan.title["ko"] != plan.title["en"]
    assert len(plan.moments(random.Random(1))) == plan.citizens  # noqa: S311
    assert "july" not in name or {"# Reported (", "# Assumed: "} == {
        mark for mark in ("# Reported (", "# Assumed: ") if mark in text
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "[behaviours]\nrefesh_often = 0.1", "evening.behaviours: refesh_often is no key"),
        (GOOD + "[behaviours]\nleaves = 2", "evening.behaviours: leaves is 2, and must be"),
        (GOOD + "[behaviours]\nleaves = nan", "leaves is nan, and must be a number from 0 to 1"),
        (GOOD + "[room]\npace = 0", "evening.room: pace is 0, and must be a number from 1"),
        (GOOD + "[room]\ncap = 1.5", "cap is 1.5, and must be a whole number"),
        (GOOD + '[[faults]]\nminute = 1\nkind = "fire"', "'fire', and must be one of kill_web"),
        (GOOD + '[[faults]]\nminute = 3\nkind = "kill_web"', "must be a number from 0 to 2"),
        (GOOD + '[[cohorts]]\ncode = "a"\nshare = 0.5', "evening.cohorts.share: all of them"),
        (GOOD + "cohorts = 3", "arrivals: cohorts is no key; there are burst, minutes, per_second"),
        ("title_ko = 3", "evening: title_ko is 3, and must be a text"),
        (GOOD.replace("[2, 1]", '["2"]'), "per_second is ['2'], and must be a list of people"),
        (GOOD.replace("[2, 1]", "[0]").replace("10", "0"), "evening: nobody comes"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_key_and_what_is_allowed(text, message):
    with pytest.raises(ScenarioError) as refusal:
        read(text)

    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a = [", "bad.toml is no TOML"), (b"\xff", "no TOML"), (None, "one of 12-july-2021")],
)
def test_what_is_no_scenario_ends_the_command_in_one_sentence(content, message, tmp_path, settings):
    settings.SAMPLE = True
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError, match=message):
        call_command("rehearse", scenario=str(path))


def test_a_smaller_and_quicker_evening_keeps_its_shape():
    plan = read(GOOD + '[[faults]]\nminute = 1\nkind = "kill_web"')

    assert (plan.citizens, plan.scaled(0.1).citizens) == (190, 19)
    quick = plan.faster(10)
    assert (quick.citizens, quick.over, quick.faults) == (190, 12, (Fault(0.1, "kill_web"),))
    moments = quick.moments(random.Random(1))  # noqa: S311
    assert sum(at <= scenario.BURST_SECONDS for at in moments) >= 10
    # Of the 180 who come later two thirds come in the first half.
    assert sum(at < 6 for at in moments) - 10 == 120


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "http://portal.example", "kill_web": True}, "kill_web: faults are for the"),
        ({"empty_redis": True}, "empty_redis: no portal of make run runs from"),
        ({"host": "portal.example"}, "--host: portal.example is no http or https address"),
        ({"time_scale": 0.0}, "--time-scale must be above 0"),
        ({"processes": 0}, "--processes must be at least 1"),
    ],
)  # fmt: skip
def test_what_can_not_be_played_here_is_refused_by_name(options, message, settings, tmp_path):
    settings.SAMPLE, settings.HOME = True, tmp_path

    with pytest.raises(CommandError) as refusal:
        call_command("rehearse", **options)

    assert message in str(refusal.value)

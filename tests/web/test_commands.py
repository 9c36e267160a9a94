"""Every command of the portal explains itself."""

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands, load_command_class

OURS = sorted(
    (app, name)
    for name, app in get_commands().items()
    if app in apps.app_configs or app in {config.name for config in apps.get_app_configs()}
    if str(settings.BASE_DIR) in str(apps.get_app_config(app.rsplit(".")[-1]).path)
    and "site-packages" not in apps.get_app_config(app.rsplit(".")[-1]).path
)


def test_all_commands_are_found():
    assert {"export", "import_roster", "room", "verify_line", "rehearse"} <= {
        name for _app, name in OURS
    }


@pytest.mark.parametrize(("app", "name"), OURS)
def test_help_of_a_command_names_it_and_says_what_it_does(app, name, capsys):
    command = load_command_class(app, name)

    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")

    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"{name} [-h]" in shown
    assert str(command.help).split()[0] in shown

"""Fields that are copied are those that Django would make (tests/quick_migrations.py)."""

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState, StateApps, get_related_models_tuples
from django.db.models import CharField, Field

from tests.quick_migrations import copied, copied_fields


def project() -> ProjectState:
    """As the migrations make it, without a database that says which of them were applied."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    loader.build_graph()
    return loader.project_state()


def described(state: ProjectState) -> dict[str, list]:
    apps = StateApps(state.real_apps, state.models)
    models = apps.get_models(include_auto_created=True)
    fields = {
        model._meta.label: [
            (parts(field), field.related_model and field.related_model._meta.label)
            for field in model._meta.local_fields + model._meta.local_many_to_many
        ]
        for model in models
    }
    around = {
        f"{model._meta.label} and": sorted(get_related_models_tuples(model)) for model in models
    }
    return fields | around


def parts(field: Field) -> list:
    name, path, arguments, options = field.deconstruct()
    return [name, path, arguments, {key: repr(value) for key, value in options.items()}]


def test_models_of_copied_fields_are_those_of_fields_made_anew():
    state = project()
    plain = described(state)

    with copied_fields():
        quick = described(state)
        again = described(state)

    assert len(plain) > 200
    assert list(quick) == list(plain)
    assert quick == again == plain


def test_a_copy_is_younger_and_shares_nothing_that_is_set_later():
    field = CharField(max_length=5)
    between = CharField()

    copy = copied(field)
    copy.set_attributes_from_name("other")

    assert field < between < copy
    assert field.name is None


def test_a_copy_knows_nothing_of_a_model_that_only_the_field_was_asked_for():
    """Else the models around it would not be made anew with it."""
    field = project().models["booking", "slot"].fields["clinic"]
    assert isinstance(field.related_model, str)

    assert "related_model" in vars(field)
    assert "related_model" not in vars(copied(field))

"""Every table of an engine is declared, and nothing else is in an update."""

from moonscope.model import Update
from moonscope.model.tables import STREAMS, TABLES


def test_an_update_has_the_tables_that_are_declared() -> None:
    declared = {stream.name for stream in STREAMS}.union(*({table.name, table.gone} for table in TABLES))
    assert declared | {"revision", "since", "reset", "settings"} == set(Update.__struct_fields__)

"""Names of the package: found in their folders on first use, and kept; nothing else is there."""

from importlib import import_module

import pytest

import regrep


def test_names_are_those_of_their_folders_and_found_once():
    assert dir(regrep) == sorted(regrep.__all__) == sorted(set(regrep.__all__))
    for folder, names in regrep._HOME.items():
        home = import_module(f"regrep.{folder}")
        assert getattr(regrep, folder) is regrep.__getattr__(folder) is home
        for name in names:
            vars(regrep).pop(name, None)
            found = getattr(regrep, name)
            assert found is getattr(home, name)
            assert vars(regrep)[name] is found
    assert {"RegrepError", "MissingExtraError", "__version__"} <= set(dir(regrep))


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="^module 'regrep' has no attribute 'nonsense'$"):
        _ = regrep.nonsense

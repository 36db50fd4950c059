"""What is measured of a latent, as one record and one text; parts that there are none of."""

from types import SimpleNamespace

import pytest

from regrep_paper.training.measurement import Measurement


class Part(SimpleNamespace):
    def as_dict(self):
        return {self.name: [1]}

    def __str__(self):
        return f"<{self.name}>"


@pytest.mark.parametrize("rho", [None, "rho"])
@pytest.mark.parametrize("profile", [None, "profile"])
def test_parts_stand_in_their_places(rho, profile):
    parts = [None if name is None else Part(name=name) for name in ("error", rho, profile)]
    found = Measurement(*parts)
    assert found.as_dict() == {
        "error": [1],
        "through_rho": None if rho is None else {"rho": [1]},
        "profile": None if profile is None else {"profile": [1]},
    }
    text = ["<error>"]
    if rho is not None:
        text.append("accuracy through rho, of head(rho(g) E(x))\n<rho>")
    if profile is not None:
        text.append("by irreducible, errors as means over the elements but e\n<profile>")
    assert str(found) == "\n\n".join(text)

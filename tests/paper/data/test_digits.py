"""Single digits: no image is in two splits."""

import pytest

from regrep.errors import RegrepError
from regrep_paper.data.digits import load


def test_no_digit_crosses_splits():
    digits = load("digits")
    sets = [{image.numpy().tobytes() for image in images} for images in digits.images.values()]
    assert sum(map(len, sets)) > 1700
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: load("svhn"), '"digits" or "mnist", got \'svhn\''),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()

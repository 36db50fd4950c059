"""Checks of what an objective is made of: numbers, actions, representations, layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regrep.arguments import check_callable, is_real, shown, whole
from regrep.errors import RegrepError
from regrep.groups.finite import check_group
from regrep.objectives.checks import Control, check_choice, check_weight
from regrep.objectives.functional import Penalty
from regrep.objectives.layers import OUTPUT, Latents, Place, find_layer, module_with, named
from regrep.objectives.modules import current


def check_numbers(penalty: object, control: object, control_seed: Any, fraction: Any, **weights: float) -> None:
    """Raise for an unknown penalty or control, a fraction outside 0 to 1, or a weight below 0."""
    check_choice("penalty", penalty, Penalty)
    if control is not None:
        check_choice("control", control, Control)
    for name, weight in weights.items():
        check_weight(name, weight)
    if not (is_real(fraction) and 0 <= fraction <= 1):
        raise RegrepError(f"fraction is the part of the batch that is transformed, from 0 to 1, got {shown(fraction)}")
    whole("control_seed", control_seed, 0, 2**62)


def check_targets(targets: Mapping[str, object], fraction: float, control: str | None) -> None:
    """Raise for a target that no step could measure."""
    for name, target in targets.items():
        if target is not None and fraction == 0:
            raise RegrepError(f"{name} needs samples that are transformed, but fraction is 0; raise it")
    if targets["target_error"] is not None and control == "shrunk":
        raise RegrepError('the control "shrunk" compares no latents, so that no target_error can be met; use weight')


def check_taught(teacher: object, head: object, one_sided: bool) -> None:
    """Raise for a teacher of outputs that have no gradient."""
    if teacher is not None and head is None and one_sided:
        raise RegrepError(
            "a teacher moves f(gx), which has no gradient with one_sided=True and head=None; pass encoder and head"
            " apart, or leave one_sided out"
        )


def check_settings(
    encoder: Any, head: Any, latent: Any, input_action: Any, output_action: Any, latent_augmentation: bool
) -> Latents:
    """The representations by layer; raises for different groups, an unknown layer, or what no latent fits.

    Args as for :class:`~regrep.objectives.EquivariantObjective`, with trees of actions made into one action.
    """
    check_callable("the encoder", current(encoder))
    if head is not None:
        check_callable("the head", current(head))
    latents = named(latent)
    if not any(rho is not None for rho in latents.values()):
        raise RegrepError("latent names at least one layer, got an empty mapping")
    found = [("latent", rho) for rho in latents.values() if rho is not None]
    for what, moves in (("input_action", input_action), *found):
        if not callable(moves):
            raise RegrepError(
                f"{what} is called as (tensor, elements), got {moves!r}; pass an action or a representation"
            )
    check_group(getattr(input_action, "group", input_action), table=False)
    if output_action is not None:
        check_callable("output_action", output_action)
        check_group(getattr(output_action, "group", output_action), table=False)
    for _, rho in found:
        if hasattr(rho, "group") and rho.group != input_action.group:
            raise RegrepError(
                f"the latent carries a representation of {rho.group.name}, but {input_action.group.name}"
                " acts on the data; use one group for both"
            )
    if output_action is not None and output_action.group != input_action.group:
        raise RegrepError(
            f"{output_action.group.name} acts on the outputs, but {input_action.group.name} on the data;"
            " use one group for both"
        )
    if head is None and OUTPUT in latents and latent is latents[OUTPUT]:
        raise RegrepError(
            'without a head the encoder returns outputs, so name its latent layer; pass latent={"layer": rho}'
        )
    places = {layer: Place.of(layer) for layer in latents}
    if latent_augmentation and (head is None or all(place.layer != OUTPUT for place in places.values())):
        raise RegrepError(
            "latent augmentation feeds rho(g) E(x) to the head, so it needs a head and a representation on the"
            " encoder's output; pass both or set latent_augmentation=False"
        )
    for place in places.values():
        if place.layer != OUTPUT:
            find_layer(module_with(current(encoder), place.layer), place.layer)
    return latents

"""What tests of the networks of Table 6 share."""

import torch

from regrep.diagnostics import equivariance_error
from regrep_paper.data.smoke_windows import action
from regrep_paper.steerable.regular_fields import RegularFieldNorm, SteerableConv


def randomised(network):
    """Random biases, scales and running statistics too, so that no symmetry rests on their start."""
    for part in network.modules():
        if isinstance(part, RegularFieldNorm):
            part.weight.data.normal_()
            part.bias.data.normal_()
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, SteerableConv) and part.bias is not None:
            part.bias.data.normal_()
    return network


def errors(network, rho=None, act=None, size=8):
    """Relative errors per element, of the whole network where no representation is given."""
    act = act or action()
    return equivariance_error(network, torch.randn(3, 20, size, size), act, rho or act).uncentred

"""Layers that know a group: fields, kernel bases, convolutions, and likelihoods over the group."""

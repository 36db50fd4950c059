"""Steerable layers: fields, kernel bases, convolutions, and likelihoods over a group."""

"""MedMNIST3D (section 6.2, Table 5, appendix C.2): volumes under the rotations of the cube."""

"""The exploratory experiments: which action a latent space learns by itself (section 4, appendix B)."""

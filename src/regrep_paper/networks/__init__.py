"""The networks the paper compares with: each an encoder and a head, on the same data as ours."""

"""Source code of an accelerator from its kernels."""

"""The accelerator on images: integer golden model, C++ and RTL, which must agree exactly."""

"""What all tests share."""

from hypothesis import settings

# Quick, tolerant of a busy machine, and a failure says how to repeat it.
settings.register_profile("hwsubnet", max_examples=30, deadline=None, print_blob=True)
settings.load_profile("hwsubnet")

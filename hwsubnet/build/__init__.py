"""From an accelerator's RTL to what a PYNQ user copies to a board."""

"""Quantized, channel-pruned subnetworks as FPGA dataflow accelerators."""

__version__ = "0.1.0"

"""A hardware hand-off file (.hwh) as PYNQ reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PROCESSING_SYSTEMS = {"processing_system7": "zynq", "zynq_ultra_ps_e": "ultrascale"}


@dataclass(frozen=True)
class HandOff:
    """What an overlay needs of the file."""

    family: str
    """``zynq`` or ``ultrascale``."""
    ps_parameters: dict[str, str]
    ip_dict: dict[str, dict[str, Any]]
    """By name: `type` (VLNV), `phys_addr`, `addr_range`, `parameters`, `interrupts`, `gpio`."""


def read_hwh(path: Path) -> HandOff:
    """Read a file.

    Like PYNQ's parser it goes by the memory map of the processing system, and stops at what PYNQ
    would stop at: no ``EXTERNALPORTS``, no processing system, clocks without divisors.

    Raises
    ------
    RuntimeError
        If something that PYNQ needs is not there.
    """
    root = ElementTree.parse(path).getroot()
    modules = {module.attrib["INSTANCE"]: module for module in root.iter("MODULE")}
    if root.find("./EXTERNALPORTS") is None:
        raise RuntimeError(f"{path}: no EXTERNALPORTS")
    for module in modules.values():
        if module.attrib["MODTYPE"] in PROCESSING_SYSTEMS:
            family = PROCESSING_SYSTEMS[module.attrib["MODTYPE"]]
            parameters = _parameters(module)
            _check_clock(family, parameters, path)
            ranges = {
                memory.attrib["INSTANCE"]: memory.attrib for memory in module.iter("MEMRANGE")
            }
            found = {
                _full_name(modules[name]): _entry(modules[name], attributes)
                for name, attributes in ranges.items()
                if name in modules
            }
            return HandOff(family, parameters, found)
    raise RuntimeError(f"{path}: no processing system")


def _parameters(module: ElementTree.Element) -> dict[str, str]:
    return {
        parameter.attrib["NAME"]: parameter.attrib["VALUE"]
        for parameter in module.findall("./PARAMETERS/*[@NAME][@VALUE]")
    }


def _full_name(module: ElementTree.Element) -> str:
    return module.attrib["FULLNAME"].lstrip("/")


def _entry(module: ElementTree.Element, memory: dict[str, str]) -> dict[str, Any]:
    base, high = int(memory["BASEVALUE"], 16), int(memory["HIGHVALUE"], 16)
    return {
        "fullpath": _full_name(module),
        "type": module.attrib["VLNV"],
        "phys_addr": base,
        "addr_range": high - base + 1,
        "parameters": _parameters(module),
        "interrupts": {},
        "gpio": {},
    }


def _check_clock(family: str, parameters: dict[str, str], path: Path) -> None:
    names = {
        "zynq": (
            "PCW_FPGA_FCLK0_ENABLE",
            "PCW_FCLK0_PERIPHERAL_DIVISOR0",
            "PCW_FCLK0_PERIPHERAL_DIVISOR1",
        ),
        "ultrascale": (
            "PSU__FPGA_PL0_ENABLE",
            "PSU__CRL_APB__PL0_REF_CTRL__DIVISOR0",
            "PSU__CRL_APB__PL0_REF_CTRL__DIVISOR1",
        ),
    }[family]
    missing = [name for name in names if name not in parameters]
    if missing:
        raise RuntimeError(f"{path}: the processing system has no {', '.join(missing)}")

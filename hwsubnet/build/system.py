"""The block design around the shell: which blocks a part's family has, and how they are set.

One record of it serves both the Tcl that Vivado runs and the hand-off file of the emulated board.
"""

from dataclasses import dataclass

from hwsubnet.boards import Board
from hwsubnet.build.shell import templates
from hwsubnet.driver.accelerator import DMA
from hwsubnet.errors import BoardError

LENGTH_BITS = 26
"""Of the DMA's length registers, the most there is: transfers of up to 64 MiB - 1."""
DMA_RANGE = 0x10000


@dataclass(frozen=True)
class ProcessingSystem:
    """A family's processing system, by the names of Vivado's IP catalog.

    Parameters
    ----------
    cell, ip, version
        Name in the design, name in the catalog, and the version that the hand-off file states.
    clock, reset
        Pins that drive the fabric.
    control, control_clock
        Port through which the processor reaches the DMA's registers.
    memory, memory_clock
        Port through which the DMA reaches memory.
    registers
        Address of the DMA's registers.
    burst
        Beats of a DMA burst: AXI3 ports take 16, AXI4 ports 256.
    parts
        How the names of the parts begin that have it.
    widths
        Of the port to memory, in bits.
    """

    cell: str
    ip: str
    version: str
    clock: str
    reset: str
    control: str
    control_clock: str
    memory: str
    memory_clock: str
    registers: int
    burst: int
    parts: tuple[str, ...]
    widths: tuple[int, ...]


SYSTEMS = {
    "xc7": ProcessingSystem(
        cell="processing_system7_0",
        ip="processing_system7",
        version="5.5",
        clock="FCLK_CLK0",
        reset="FCLK_RESET0_N",
        control="M_AXI_GP0",
        control_clock="M_AXI_GP0_ACLK",
        memory="S_AXI_HP0",
        memory_clock="S_AXI_HP0_ACLK",
        registers=0x40400000,
        burst=16,
        parts=("xc7z",),
        widths=(32, 64),
    ),
    "xcup": ProcessingSystem(
        cell="zynq_ultra_ps_e_0",
        ip="zynq_ultra_ps_e",
        version="3.5",
        clock="pl_clk0",
        reset="pl_resetn0",
        control="M_AXI_HPM0_FPD",
        control_clock="maxihpm0_fpd_aclk",
        memory="S_AXI_HP0_FPD",
        memory_clock="saxihp0_fpd_aclk",
        registers=0xA0000000,
        burst=256,
        parts=("xczu", "xck2"),  # Zynq MPSoC and RFSoC, Kria
        widths=(32, 64, 128),
    ),
}


def system_of(board: Board) -> ProcessingSystem:
    """Return the processing system of a board's part.

    Raises
    ------
    BoardError
        If the part has none, or its memory port is not as wide as the board says: then there is no
        shell for it.
    """
    system = SYSTEMS[board.family]
    if not board.part.startswith(system.parts):
        known = sorted(prefix for other in SYSTEMS.values() for prefix in other.parts)
        raise BoardError(
            f"there is no shell for part {board.part}, which has no processing system",
            where=board.name,
            fix=f"shells are for parts {', '.join(f'{prefix}...' for prefix in known)}",
        )
    if board.axi_bits not in system.widths:
        raise BoardError(
            f"axi_bits: {system.ip} has memory ports of {_listed(system.widths)} bits, not "
            f"{board.axi_bits}",
            where=board.name,
        )
    return system


def _listed(numbers: tuple[int, ...]) -> str:
    return " or ".join(map(str, numbers))


def processor_settings(board: Board, clock_mhz: float) -> dict[str, str]:
    """Return what is set of the processing system, by Vivado's names.

    The rest stays as it is: PYNQ's boot files have configured pins and memory long before a
    bitstream is loaded.
    """
    if board.family == "xc7":
        return {
            "PCW_FPGA0_PERIPHERAL_FREQMHZ": f"{clock_mhz:g}",
            "PCW_FPGA_FCLK0_ENABLE": "1",
            "PCW_USE_M_AXI_GP0": "1",
            "PCW_USE_S_AXI_HP0": "1",
            "PCW_S_AXI_HP0_DATA_WIDTH": str(board.axi_bits),
        }
    return {
        "PSU__FPGA_PL0_ENABLE": "1",
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": f"{clock_mhz:g}",
        "PSU__USE__M_AXI_GP0": "1",
        "PSU__USE__M_AXI_GP1": "0",
        "PSU__USE__M_AXI_GP2": "0",
        "PSU__USE__S_AXI_GP2": "1",
        "PSU__SAXIGP2__DATA_WIDTH": str(board.axi_bits),
    }


def dma_settings(board: Board) -> dict[str, str]:
    """Return what is set of the DMA, by Vivado's names: both ways, without scatter-gather."""
    bits = str(board.axi_bits)
    burst = str(system_of(board).burst)
    return {
        "c_include_sg": "0",
        "c_sg_include_stscntrl_strm": "0",
        "c_sg_length_width": str(LENGTH_BITS),
        "c_addr_width": "32" if board.family == "xc7" else "40",
        "c_include_mm2s": "1",
        "c_m_axi_mm2s_data_width": bits,
        "c_m_axis_mm2s_tdata_width": bits,
        "c_mm2s_burst_size": burst,
        "c_include_s2mm": "1",
        "c_m_axi_s2mm_data_width": bits,
        "c_s_axis_s2mm_tdata_width": bits,
        "c_s2mm_burst_size": burst,
    }


def hand_off(name: str, board: Board, clock_mhz: float) -> str:
    """Return the .hwh of the emulated board: the part of Vivado's that PYNQ reads."""
    system = system_of(board)
    zynq = board.family == "xc7"
    divisor = str(max(1, min(63, round((1000 if zynq else 1500) / clock_mhz))))
    clock = (
        ("PCW_FPGA_FCLK{}_ENABLE", "PCW_FCLK{}_PERIPHERAL_DIVISOR")
        if zynq
        else ("PSU__FPGA_PL{}_ENABLE", "PSU__CRL_APB__PL{}_REF_CTRL__DIVISOR")
    )
    clocks = {}
    for index in range(4):  # PYNQ reads all four
        clocks[clock[0].format(index)] = "1" if index == 0 else "0"
        clocks[clock[1].format(index) + "0"] = divisor if index == 0 else "1"
        clocks[clock[1].format(index) + "1"] = "1"
    port = "C_S_AXI_HP0_DATA_WIDTH" if zynq else "C_SAXIGP2_DATA_WIDTH"
    return templates.get_template("design.hwh.j2").render(
        name=name,
        arch="zynq" if zynq else "zynquplus",
        device=board.part.split("-")[0].removeprefix("xc"),
        dma=DMA,
        dma_parameters=dma_settings(board) | {"c_include_mm2s_dre": "0", "c_include_s2mm_dre": "0"},
        base=f"0x{system.registers:08X}",
        high=f"0x{system.registers + DMA_RANGE - 1:08X}",
        ps=system.cell,
        ps_type=system.ip,
        ps_version=system.version,
        ps_master=system.control,
        ps_parameters=processor_settings(board, clock_mhz) | clocks | {port: str(board.axi_bits)},
    )

##### build.tcl
# Makes net.bit and net.hwh for Ultra96-V2 (xczu3eg-sbva484-1-i, 100 MHz):
#
#     vivado -mode batch -source build.tcl
#
# All paths are relative to this file's folder. The results go to ../package, and what Vivado says of
# resources and timing to reports/.

set here [file normalize [file dirname [info script]]]
cd $here

# Read by hwsubnet as progress.
proc step {number name} {
	puts "HWSUBNET_STEP $number/5 $name"
}

# A patch's name may follow the release, as in 2022.1_AR76780.
regexp {^\d+\.\d+} [version -short] release
if {[package vcompare $release 2022.1] < 0} {
	error "Vivado $release is too old, at least 2022.1 is needed"
}

step 1 "project"
create_project -force -part xczu3eg-sbva484-1-i project project
# Memories are named relative to this folder, while synthesis runs in folders of its own: the copies
# that Vivado reads name them in full.
set sources {
	rtl/accelerator.sv
	rtl/shell.v
}
foreach source $sources {
	set copy [file join project sources $source]
	file mkdir [file dirname $copy]
	set from [open $source r]
	set to [open $copy w]
	puts -nonewline $to [string map [list "\"data/" "\"$here/data/"] [read $from]]
	close $from
	close $to
	add_files -norecurse $copy
}
update_compile_order -fileset sources_1

step 2 "block design"
source design.tcl
make_wrapper -files [get_files design_1.bd] -import -fileset sources_1 -top
set_property top design_1_wrapper [get_filesets sources_1]
update_compile_order -fileset sources_1

step 3 "synthesis"
launch_runs synth_1 -jobs 4
wait_on_run synth_1
if {[get_property PROGRESS [get_runs synth_1]] ne "100%"} {
	error "synthesis failed: see project/project.runs/synth_1/runme.log"
}

step 4 "implementation"
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
	error "implementation failed: see project/project.runs/impl_1/runme.log"
}

step 5 "reports"
file mkdir reports
open_run impl_1
report_utilization -file reports/utilization.rpt
report_timing_summary -file reports/timing.rpt
set slack [get_property STATS.WNS [get_runs impl_1]]
set file [open reports/slack.txt w]
puts $file $slack
close $file
if {$slack < 0} {
	puts "WARNING: the slowest path misses 100 MHz by [expr {-$slack}] ns"
}
file mkdir ../package
file copy -force project/project.runs/impl_1/design_1_wrapper.bit ../package/net.bit
file copy -force [glob project/project.*/sources_1/bd/design_1/hw_handoff/design_1.hwh] \
	../package/net.hwh
foreach report {utilization.rpt timing.rpt} {
	file mkdir ../package/reports
	file copy -force reports/$report ../package/reports/$report
}
file delete ../package/MISSING.txt
##### design.tcl
# The block design: processing system, AXI DMA, resets, and the accelerator's shell.
#
# Sourced by build.tcl, in an open project that holds the shell's sources. Everything runs on the
# first clock of the processing system.

# Return the newest version of a block in this Vivado's catalog.
proc newest {name} {
	set found [lsort -dictionary [get_ipdefs -quiet "xilinx.com:ip:$name:*"]]
	if {[llength $found] == 0} {
		error "this Vivado's catalog has no block $name"
	}
	return [lindex $found end]
}

create_bd_design design_1

# The processing system: one clock, a port to the DMA's registers, a port to memory. What else it
# could be asked for, PYNQ's boot files have set long before.
set ps [create_bd_cell -type ip -vlnv [newest zynq_ultra_ps_e] zynq_ultra_ps_e_0]
set_property -dict [list \
	CONFIG.PSU__FPGA_PL0_ENABLE {1} \
	CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {100} \
	CONFIG.PSU__USE__M_AXI_GP0 {1} \
	CONFIG.PSU__USE__M_AXI_GP1 {0} \
	CONFIG.PSU__USE__M_AXI_GP2 {0} \
	CONFIG.PSU__USE__S_AXI_GP2 {1} \
	CONFIG.PSU__SAXIGP2__DATA_WIDTH {128} \
] $ps

# The DMA, one channel each way.
set dma [create_bd_cell -type ip -vlnv [newest axi_dma] axi_dma_0]
set_property -dict [list \
	CONFIG.c_include_sg {0} \
	CONFIG.c_sg_include_stscntrl_strm {0} \
	CONFIG.c_sg_length_width {26} \
	CONFIG.c_addr_width {40} \
	CONFIG.c_include_mm2s {1} \
	CONFIG.c_m_axi_mm2s_data_width {128} \
	CONFIG.c_m_axis_mm2s_tdata_width {128} \
	CONFIG.c_mm2s_burst_size {256} \
	CONFIG.c_include_s2mm {1} \
	CONFIG.c_m_axi_s2mm_data_width {128} \
	CONFIG.c_s_axis_s2mm_tdata_width {128} \
	CONFIG.c_s2mm_burst_size {256} \
] $dma

# The accelerator in its shell.
create_bd_cell -type module -reference shell shell_0

# Ways between processor, DMA and memory.
set control [create_bd_cell -type ip -vlnv [newest smartconnect] smartconnect_control]
set_property -dict [list CONFIG.NUM_SI {1} CONFIG.NUM_MI {1} CONFIG.NUM_CLKS {1}] $control
set memory [create_bd_cell -type ip -vlnv [newest smartconnect] smartconnect_memory]
set_property -dict [list CONFIG.NUM_SI {2} CONFIG.NUM_MI {1} CONFIG.NUM_CLKS {1}] $memory
create_bd_cell -type ip -vlnv [newest proc_sys_reset] proc_sys_reset_0

foreach {from to} {
	zynq_ultra_ps_e_0/M_AXI_HPM0_FPD smartconnect_control/S00_AXI
	smartconnect_control/M00_AXI axi_dma_0/S_AXI_LITE
	axi_dma_0/M_AXI_MM2S smartconnect_memory/S00_AXI
	axi_dma_0/M_AXI_S2MM smartconnect_memory/S01_AXI
	smartconnect_memory/M00_AXI zynq_ultra_ps_e_0/S_AXI_HP0_FPD
	axi_dma_0/M_AXIS_MM2S shell_0/s_axis
	shell_0/m_axis axi_dma_0/S_AXIS_S2MM
} {
	connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}

foreach pin {
	zynq_ultra_ps_e_0/maxihpm0_fpd_aclk
	zynq_ultra_ps_e_0/saxihp0_fpd_aclk
	axi_dma_0/s_axi_lite_aclk
	axi_dma_0/m_axi_mm2s_aclk
	axi_dma_0/m_axi_s2mm_aclk
	shell_0/aclk
	smartconnect_control/aclk
	smartconnect_memory/aclk
	proc_sys_reset_0/slowest_sync_clk
} {
	connect_bd_net [get_bd_pins zynq_ultra_ps_e_0/pl_clk0] [get_bd_pins $pin]
}

connect_bd_net [get_bd_pins zynq_ultra_ps_e_0/pl_resetn0] [get_bd_pins proc_sys_reset_0/ext_reset_in]
foreach pin {
	axi_dma_0/axi_resetn
	shell_0/aresetn
	smartconnect_control/aresetn
	smartconnect_memory/aresetn
} {
	connect_bd_net [get_bd_pins proc_sys_reset_0/peripheral_aresetn] [get_bd_pins $pin]
}

# The driver finds the DMA's registers through the .hwh; the rest of the map is memory.
assign_bd_address -offset 0xA0000000 -range 0x00010000 \
	-target_address_space [get_bd_addr_spaces zynq_ultra_ps_e_0/Data] \
	[get_bd_addr_segs axi_dma_0/S_AXI_LITE/Reg] -force
assign_bd_address

validate_bd_design
save_bd_design

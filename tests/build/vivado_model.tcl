# SPDX-License-Identifier: Apache-2.0
#
# A model of those commands of Vivado that the project's scripts use:
#
#     tclsh vivado_model.tcl SCRIPT.tcl [FAULT]
#
# The script runs in an interpreter that knows Tcl's own commands for data and files and those of this
# model, and nothing else. The model knows blocks of the IP catalog with their pins, interfaces and
# settings, as Vivado's documentation and PYNQ's published overlays show them. It refuses: unknown
# commands, blocks, settings, pins and modes; a pin with two drivers; interfaces of different kinds or
# widths; and, in validate_bd_design, required pins and interfaces that are not connected, registers
# without an address, runs without a top. FAULT is what goes wrong: "synthesis", "module" (an error that stands in a run's
# own log alone), "killed", "hangs", "slow" (a path that misses the clock), or a release.

namespace eval model {
	variable release 2022.2 fault ""
	variable cells {} intf_nets {} nets {} ports {} sources {} state {} addressed 0 top ""

	# block -> versions, settings, interfaces {name {kind role required if}}, pins {name {direction
	# required}}. An interface or pin with a condition is there if the setting has the value.
	variable catalog {
		processing_system7 {
			version 5.5
			settings {
				PCW_FPGA0_PERIPHERAL_FREQMHZ 50 PCW_FPGA_FCLK0_ENABLE 1 PCW_USE_M_AXI_GP0 1
				PCW_USE_S_AXI_HP0 0 PCW_S_AXI_HP0_DATA_WIDTH 64
			}
			interfaces {
				DDR {ddrx master 1 {}} FIXED_IO {fixedio master 1 {}}
				M_AXI_GP0 {aximm master 1 {PCW_USE_M_AXI_GP0 1}}
				S_AXI_HP0 {aximm slave 1 {PCW_USE_S_AXI_HP0 1}}
			}
			pins {
				FCLK_CLK0 {out 0 {PCW_FPGA_FCLK0_ENABLE 1}} FCLK_RESET0_N {out 0 {}}
				M_AXI_GP0_ACLK {in 1 {PCW_USE_M_AXI_GP0 1}}
				S_AXI_HP0_ACLK {in 1 {PCW_USE_S_AXI_HP0 1}}
			}
			family xc7z
		}
		zynq_ultra_ps_e {
			version 3.4
			settings {
				PSU__FPGA_PL0_ENABLE 1 PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 100
				PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 1 PSU__USE__M_AXI_GP2 0
				PSU__USE__S_AXI_GP2 0 PSU__SAXIGP2__DATA_WIDTH 128
			}
			interfaces {
				M_AXI_HPM0_FPD {aximm master 1 {PSU__USE__M_AXI_GP0 1}}
				M_AXI_HPM1_FPD {aximm master 1 {PSU__USE__M_AXI_GP1 1}}
				M_AXI_HPM0_LPD {aximm master 1 {PSU__USE__M_AXI_GP2 1}}
				S_AXI_HP0_FPD {aximm slave 1 {PSU__USE__S_AXI_GP2 1}}
			}
			pins {
				pl_clk0 {out 0 {PSU__FPGA_PL0_ENABLE 1}} pl_resetn0 {out 0 {}}
				maxihpm0_fpd_aclk {in 1 {PSU__USE__M_AXI_GP0 1}}
				maxihpm1_fpd_aclk {in 1 {PSU__USE__M_AXI_GP1 1}}
				maxihpm0_lpd_aclk {in 1 {PSU__USE__M_AXI_GP2 1}}
				saxihp0_fpd_aclk {in 1 {PSU__USE__S_AXI_GP2 1}}
			}
			family {xczu xck26}
		}
		axi_dma {
			version 7.1
			settings {
				c_include_sg 1 c_sg_include_stscntrl_strm 1 c_sg_length_width 14 c_addr_width 32
				c_include_mm2s 1 c_m_axi_mm2s_data_width 32 c_m_axis_mm2s_tdata_width 32
				c_mm2s_burst_size 16
				c_include_s2mm 1 c_m_axi_s2mm_data_width 32 c_s_axis_s2mm_tdata_width 32
				c_s2mm_burst_size 16
			}
			interfaces {
				S_AXI_LITE {aximm slave 1 {}}
				M_AXI_SG {aximm master 1 {c_include_sg 1}}
				M_AXI_MM2S {aximm master 1 {c_include_mm2s 1}}
				M_AXIS_MM2S {axis master 1 {c_include_mm2s 1}}
				M_AXI_S2MM {aximm master 1 {c_include_s2mm 1}}
				S_AXIS_S2MM {axis slave 1 {c_include_s2mm 1}}
			}
			pins {
				s_axi_lite_aclk {in 1 {}} axi_resetn {in 1 {}}
				m_axi_sg_aclk {in 1 {c_include_sg 1}}
				m_axi_mm2s_aclk {in 1 {c_include_mm2s 1}} m_axi_s2mm_aclk {in 1 {c_include_s2mm 1}}
				mm2s_introut {out 0 {}} s2mm_introut {out 0 {}}
			}
		}
		smartconnect {
			version 1.0
			settings {NUM_SI 2 NUM_MI 1 NUM_CLKS 1}
			interfaces {
				S00_AXI {aximm slave 1 {NUM_SI {1 2}}} S01_AXI {aximm slave 1 {NUM_SI 2}}
				M00_AXI {aximm master 1 {NUM_MI 1}}
			}
			pins {aclk {in 1 {}} aresetn {in 1 {}}}
		}
		proc_sys_reset {
			version 5.0
			settings {}
			interfaces {}
			pins {
				slowest_sync_clk {in 1 {}} ext_reset_in {in 1 {}} aux_reset_in {in 0 {}}
				dcm_locked {in 0 {}} peripheral_aresetn {out 0 {}} interconnect_aresetn {out 0 {}}
			}
		}
	}

	proc refuse {text} { error "ERROR: \[Model 1-1\] $text" }

	proc options {arguments flags} {
		# Split arguments into options with a value, switches, and the rest.
		set found {rest {}}
		for {set i 0} {$i < [llength $arguments]} {incr i} {
			set word [lindex $arguments $i]
			if {[string match -* $word] && ![string is integer $word]} {
				if {![dict exists $flags $word]} { refuse "unknown option '$word'" }
				if {[dict get $flags $word]} {
					dict set found $word [lindex $arguments [incr i]]
				} else {
					dict set found $word 1
				}
			} else {
				dict lappend found rest $word
			}
		}
		return $found
	}

	# --- project -----------------------------------------------------------------------------

	proc version {args} {
		variable release
		if {$args ne "-short"} { refuse "version takes -short here" }
		return $release
	}
	proc create_project {args} {
		variable state
		set found [options $args {-force 0 -part 1}]
		if {![regexp {^xc[a-z0-9]+(-[a-z0-9]+)?-[0-9][A-Z]*(-[a-z])?$} [dict get $found -part]]} {
			refuse "unknown part '[dict get $found -part]'"
		}
		dict set state part [dict get $found -part]
		lassign [dict get $found rest] name folder
		dict set state project [file join $folder $name]
		file mkdir $folder
	}
	proc add_files {args} {
		variable sources
		foreach path [dict get [options $args {-norecurse 0}] rest] {
			if {![file exists $path]} { refuse "File or Directory '$path' does not exist" }
			if {[file extension $path] ni {.v .sv}} { refuse "'$path' is no source" }
			lappend sources $path
		}
	}
	proc update_compile_order {args} { options $args {-fileset 1} }
	proc get_files {name} {
		variable state
		if {![dict exists $state design] || $name ne "[dict get $state design].bd"} {
			refuse "No files matched '$name'"
		}
		return $name
	}
	proc get_filesets {name} {
		if {$name ne "sources_1"} { refuse "No filesets matched '$name'" }
		return fileset:$name
	}
	proc make_wrapper {args} {
		variable state
		options $args {-files 1 -import 0 -fileset 1 -top 0}
		if {![dict exists $state saved]} { refuse "the block design is not saved" }
		dict set state wrapper 1
	}

	# --- block design -------------------------------------------------------------------------

	proc create_bd_design {name} {
		variable state
		if {![dict exists $state part]} { refuse "no open project" }
		dict set state design $name
	}
	proc get_ipdefs {args} {
		variable catalog
		set pattern [lindex [dict get [options $args {-quiet 0}] rest] 0]
		set found {}
		dict for {name block} $catalog {
			set vlnv "xilinx.com:ip:$name:[dict get $block version]"
			if {[string match $pattern $vlnv]} { lappend found $vlnv }
		}
		return $found
	}
	proc create_bd_cell {args} {
		variable catalog
		variable cells
		variable state
		set found [options $args {-type 1 -vlnv 1 -reference 1}]
		set name [dict get $found rest]
		if {[dict exists $cells $name]} { refuse "cell '$name' exists" }
		switch [dict get $found -type] {
			ip {
				lassign [split [dict get $found -vlnv] :] vendor library block
				if {"$vendor:$library" ne "xilinx.com:ip" || ![dict exists $catalog $block]} {
					refuse "no IP matches VLNV '[dict get $found -vlnv]'"
				}
				set cell [dict get $catalog $block]
				if {[dict exists $cell family]} {
					set fits 0
					foreach prefix [dict get $cell family] {
						if {[string match $prefix* [dict get $state part]]} { set fits 1 }
					}
					if {!$fits} { refuse "IP '$block' does not support part [dict get $state part]" }
				}
			}
			module { set block module; set cell [module [dict get $found -reference]] }
			default { refuse "unknown type of cell" }
		}
		dict set cell block $block
		dict set cells $name $cell
		return cell:$name
	}
	# What Vivado infers of a Verilog module.
	proc module {name} {
		variable sources
		foreach path $sources {
			set handle [open $path r]
			set text [read $handle]
			close $handle
			if {![regexp -line "^module $name \\(" $text]} { continue }
			if {[file extension $path] ne ".v"} {
				refuse "'$name' is SystemVerilog, which cannot be the top of a module reference"
			}
			if {![regexp {ASSOCIATED_BUSIF s_axis:m_axis, ASSOCIATED_RESET aresetn} $text]} {
				refuse "clock of '$name' has no ASSOCIATED_BUSIF"
			}
			set widths {}
			foreach {port direction} {s_axis input m_axis output} {
				foreach signal {tdata tkeep tlast tvalid} {
					set pattern "$direction +wire (?:\\\[(\\d+):0\\\] )?${port}_$signal\\M"
					if {![regexp $pattern $text all high]} { refuse "'$name' has no ${port}_$signal" }
					if {$signal eq "tdata"} { dict set widths $port [expr {$high + 1}] }
				}
			}
			return [dict create settings [dict create \
				s_axis_width [dict get $widths s_axis] m_axis_width [dict get $widths m_axis]] \
				interfaces {s_axis {axis slave 1 {}} m_axis {axis master 1 {}}} \
				pins {aclk {in 1 {}} aresetn {in 1 {}}}]
		}
		refuse "module '$name' is in no source"
	}
	proc set_property {args} {
		variable cells
		variable top
		if {[lindex $args 0] eq "-dict"} {
			lassign $args _ pairs object
		} else {
			lassign $args name value object
			set pairs [list $name $value]
		}
		if {$object eq "fileset:sources_1" && [dict keys $pairs] eq "top"} {
			set top [dict get $pairs top]
			return
		}
		if {![string match cell:* $object]} { refuse "no object '$object'" }
		set cell [string range $object 5 end]
		dict for {name value} $pairs {
			set setting [string range $name 7 end]
			if {![string match CONFIG.* $name] || ![dict exists $cells $cell settings $setting]} {
				refuse "cell '$cell' has no property '$name'"
			}
			check_value $setting $value
			dict set cells $cell settings $setting $value
		}
	}
	proc check_value {setting value} {
		set legal {
			*DATA_WIDTH {32 64 128} *data_width {32 64 128 256 512 1024}
			*tdata_width {8 16 32 64 128 256 512 1024} *burst_size {2 4 8 16 32 64 128 256}
		}
		foreach {pattern values} $legal {
			if {[string match $pattern $setting] && $value ni $values} {
				refuse "$setting is one of $values, not '$value'"
			}
		}
		if {$setting eq "c_sg_length_width" && ($value < 8 || $value > 26)} {
			refuse "c_sg_length_width is 8 to 26, not '$value'"
		}
		if {[string match *FREQMHZ $setting] && !([string is double -strict $value] && $value > 0)} {
			refuse "$setting is a frequency, not '$value'"
		}
	}

	# An endpoint exists if the settings of its cell call for it.
	proc endpoint {kind path} {
		variable cells
		lassign [split $path /] cell name
		if {![dict exists $cells $cell $kind $name]} { refuse "no $kind '$path'" }
		set found [dict get $cells $cell $kind $name]
		set condition [lindex $found end]
		foreach {setting values} $condition {
			if {[dict get $cells $cell settings $setting] ni $values} {
				refuse "no $kind '$path' while $setting is [dict get $cells $cell settings $setting]"
			}
		}
		return $found
	}
	proc get_bd_intf_pins {path} { endpoint interfaces $path; return intf:$path }
	proc get_bd_pins {path} { endpoint pins $path; return pin:$path }
	proc create_bd_intf_port {args} {
		variable ports
		set found [options $args {-mode 1 -vlnv 1}]
		regexp {:(ddrx|fixedio)_rtl:} [dict get $found -vlnv] all kind
		if {[dict get $found -mode] ne "Master" || ![info exists kind]} { refuse "no such port" }
		dict set ports [dict get $found rest] $kind
	}
	proc get_bd_intf_ports {name} {
		variable ports
		if {![dict exists $ports $name]} { refuse "no interface port '$name'" }
		return port:$name
	}
	proc connect_bd_intf_net {from to} {
		variable intf_nets
		variable ports
		set kinds {}
		set roles {}
		foreach end [list $from $to] {
			if {[dict exists $intf_nets $end]} { refuse "'$end' is connected already" }
			if {[string match port:* $end]} {
				lappend kinds [dict get $ports [string range $end 5 end]]
				lappend roles port
			} else {
				lassign [endpoint interfaces [string range $end 5 end]] kind role
				lappend kinds $kind
				lappend roles $role
			}
		}
		if {[lindex $kinds 0] ne [lindex $kinds 1]} { refuse "'$from' and '$to' differ in kind" }
		if {$roles ni {{master slave} {slave master} {master port}}} {
			refuse "'$from' and '$to' are both [lindex $roles 0]"
		}
		dict set intf_nets $from $to
		dict set intf_nets $to $from
	}
	proc connect_bd_net {from to} {
		variable nets
		lassign [endpoint pins [string range $from 4 end]] driver
		lassign [endpoint pins [string range $to 4 end]] sink
		if {$driver ne "out" || $sink ne "in"} { refuse "'$from' does not drive '$to'" }
		if {[dict exists $nets $to]} { refuse "'$to' has two drivers" }
		dict set nets $to $from
	}
	proc get_bd_addr_spaces {path} {
		variable cells
		lassign [split $path /] cell space
		if {![dict exists $cells $cell] || $space ne "Data"} { refuse "no address space '$path'" }
		return $path
	}
	proc get_bd_addr_segs {path} {
		variable cells
		if {![regexp {^(.+)/S_AXI_LITE/Reg$} $path all cell] || ![dict exists $cells $cell]} {
			refuse "no address segment '$path'"
		}
		return $path
	}
	proc assign_bd_address {args} {
		variable addressed
		set found [options $args {-offset 1 -range 1 -target_address_space 1 -force 0}]
		if {[dict exists $found -offset]} {
			if {[dict get $found -offset] % [dict get $found -range]} { refuse "offset not aligned" }
			incr addressed
		}
	}
	proc validate_bd_design {} {
		variable cells
		variable nets
		variable intf_nets
		variable addressed
		variable state
		dict for {cell found} $cells {
			foreach {kind map prefix} [list interfaces $intf_nets intf: pins $nets pin:] {
				dict for {name entry} [dict get $found $kind] {
					if {[catch {endpoint $kind $cell/$name}]} { continue }
					if {![lindex $entry end-1] || [dict exists $map $prefix$cell/$name]} { continue }
					refuse "required $prefix$cell/$name is not connected"
				}
			}
		}
		foreach {from setting to other} {
			axi_dma_0 c_m_axis_mm2s_tdata_width shell_0 s_axis_width
			axi_dma_0 c_s_axis_s2mm_tdata_width shell_0 m_axis_width
		} {
			set widths [list [dict get $cells $from settings $setting] \
				[dict get $cells $to settings $other]]
			if {[lindex $widths 0] != [lindex $widths 1]} { refuse "TDATA widths $widths differ" }
		}
		if {!$addressed} { refuse "the DMA's registers have no address" }
		dict set state valid 1
	}
	proc save_bd_design {} {
		variable state
		if {![dict exists $state valid]} { refuse "the design was not validated" }
		dict set state saved 1
	}

	# --- runs ---------------------------------------------------------------------------------

	proc launch_runs {args} {
		variable state
		variable top
		variable fault
		set found [options $args {-jobs 1 -to_step 1}]
		set run [dict get $found rest]
		if {![dict exists $state wrapper] || $top ne "design_1_wrapper"} { refuse "no top module" }
		if {$run eq "impl_1" && ![dict exists $state synth_1]} { refuse "synth_1 is not complete" }
		if {$fault eq "killed" && $run eq "impl_1"} { exec kill -KILL [pid] }
		if {$fault eq "hangs" && $run eq "impl_1"} { after 600000 }
		if {$fault eq "module" && $run eq "synth_1"} {
			set folder [file dirname [dict get $state project]]/project.runs/design_1_shell_0_0_synth_1
			file mkdir $folder
			write $folder/runme.log "ERROR: \[Synth 8-285\] failed synthesizing module 'shell'"
			error "ERROR: \[Vivado 12-13638\] Failed runs(s) : 'design_1_shell_0_0_synth_1'"
		}
		if {$fault eq "synthesis" && $run eq "synth_1"} {
			puts "ERROR: \[Synth 8-439\] module 'vpc' not found"
			return
		}
		dict set state $run 1
		set project [file dirname [dict get $state project]]
		if {$run eq "impl_1"} {
			if {[dict get $found -to_step] ne "write_bitstream"} { refuse "no bitstream is written" }
			file mkdir $project/project.runs/impl_1
			write $project/project.runs/impl_1/design_1_wrapper.bit "model's bitstream"
			set folder $project/project.gen/sources_1/bd/design_1/hw_handoff
			file mkdir $folder
			write $folder/design_1.hwh "<EDKSYSTEM/>"
		}
	}
	proc wait_on_run {run} {}
	proc get_runs {run} {
		if {$run ni {synth_1 impl_1}} { refuse "no run '$run'" }
		return run:$run
	}
	proc open_run {run} { get_runs $run }
	proc get_property {name object} {
		variable state
		variable fault
		set run [string range $object 4 end]
		switch $name {
			PROGRESS { return [expr {[dict exists $state $run] ? "100%" : "0%"}] }
			STATS.WNS { return [expr {$fault eq "slow" ? -0.25 : 0.437}] }
		}
		refuse "no property '$name'"
	}
	proc report_utilization {args} {
		variable state
		set zynq [string match xc7* [dict get $state part]]
		set recorded [expr {$zynq ? "zynq" : "ultrascale"}]
		file copy -force $::folder/utilization_$recorded.rpt [dict get [options $args {-file 1}] -file]
	}
	proc report_timing_summary {args} {
		write [dict get [options $args {-file 1}] -file] "Timing summary of the model."
	}
	proc write {path text} {
		set handle [open $path w]
		puts $handle $text
		close $handle
	}
}

set folder [file normalize [file dirname [info script]]]
lassign $argv script model::fault
if {[regexp {^\d{4}\.\d} $model::fault]} { set model::release $model::fault }

# Tcl's own commands that a script may use; an unknown one ends it.
set allowed {
	append array break catch close concat continue dict error eval expr file for foreach format gets
	glob global if incr info join lappend lassign lindex list llength lmap lrange lreplace lset lsort
	namespace open package proc puts read regexp regsub return set source split string switch uplevel
	upvar variable while cd pwd
}
set child [interp create]
$child eval {package require Tcl}
foreach command [$child eval {info commands}] {
	if {$command ni $allowed} { $child hide $command }
}
foreach command [info commands model::*] {
	set name [namespace tail $command]
	if {$name ni {refuse options module check_value endpoint write}} {
		$child alias $name $command
	}
}
if {[catch {$child eval [list source $script]} message]} {
	puts $message
	exit 1
}

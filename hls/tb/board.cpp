// SPDX-License-Identifier: Apache-2.0
//
// The programmable logic of a board, as a shared library: an AXI DMA without scatter-gather (PG021,
// direct register mode) around the shell, verilated as `Vdut`, and memory that both see.
//
// The generated header "ports.hpp" says how wide a beat is:
//   #define BEAT_BYTES 8
//
// Time passes when a register is read: until the channel that is asked for comes to rest, at most
// for `cycles_per_read`. The memory's answers come with random pauses, from a seeded generator.

#include "Vdut.h"
#include "drive.hpp"
#include "ports.hpp"
#include "verilated.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace {

constexpr int reset_cycles = 16;
constexpr std::uint64_t cycles_per_read = 20000;

// Bits of the control and status registers.
constexpr std::uint32_t run_stop = 1u << 0, soft_reset = 1u << 2;
constexpr std::uint32_t halted = 1u << 0, idle = 1u << 1;
constexpr std::uint32_t internal_error = 1u << 4, decode_error = 1u << 6, completed = 1u << 12;
// Offsets in a channel's registers.
constexpr std::uint32_t control_at = 0x00, status_at = 0x04;
constexpr std::uint32_t address_at = 0x18, address_high_at = 0x1C, length_at = 0x28;
constexpr std::uint32_t receiving_at = 0x30;

// One direction of the DMA.
struct Channel {
    std::uint32_t status = halted;
    std::uint64_t address = 0;
    std::uint32_t length = 0;  // asked for; of a packet that came, its own
    std::uint32_t moved = 0;   // bytes
    bool busy = false;

    void finish(std::uint32_t flags) {
        busy = false;
        status |= flags;
        if (flags & (internal_error | decode_error)) status |= halted;
    }
};

class Board {
public:
    Board(std::uint8_t *memory, std::uint64_t base, std::uint64_t size, std::uint32_t length_bits,
          std::uint32_t pause, std::uint64_t seed)
        : memory(memory), base(base), size(size), length_mask((1u << length_bits) - 1),
          pause(pause), random(seed), dut(std::make_unique<Vdut>(&context)) {
        dut->aresetn = 0;
        for (int i = 0; i < reset_cycles; ++i) tick();
        dut->aresetn = 1;
        tick();
    }
    ~Board() { dut->final(); }

    std::uint32_t read(std::uint32_t offset) {
        Channel &channel = at(offset);
        for (std::uint64_t i = 0; i < cycles_per_read && channel.busy; ++i) cycle();
        switch (offset) {
        case control_at: return channel.status & halted ? 0 : run_stop;
        case status_at: return channel.status;
        case address_at: return static_cast<std::uint32_t>(channel.address);
        case address_high_at: return static_cast<std::uint32_t>(channel.address >> 32);
        case length_at: return channel.length;
        default: return 0;
        }
    }

    void write(std::uint32_t offset, std::uint32_t value) {
        Channel &channel = at(offset);
        switch (offset) {
        case control_at:
            if (value & soft_reset) {
                sending = receiving = Channel{};
            } else if (value & run_stop) {
                // `idle` stays 0 until the first transfer has ended.
                if (channel.status & halted) channel.status = 0;
            } else {
                channel.busy = false;
                channel.status = halted;
            }
            break;
        case status_at:
            channel.status &= ~(value & completed);
            break;
        case address_at:
            channel.address = (channel.address & ~std::uint64_t{0xFFFFFFFF}) | value;
            break;
        case address_high_at:
            channel.address = (channel.address & 0xFFFFFFFF) | std::uint64_t{value} << 32;
            break;
        case length_at:
            start(channel, value & length_mask);
            break;
        default:
            break;
        }
    }

    std::uint64_t cycles = 0;

private:
    Channel &at(std::uint32_t &offset) {
        if (offset < receiving_at) return sending;
        offset -= receiving_at;
        return receiving;
    }

    void start(Channel &channel, std::uint32_t length) {
        if (channel.status & halted || length == 0) return;  // PG021: has no effect
        if (channel.busy) return channel.finish(internal_error);
        channel.status &= ~(idle | completed);
        channel.length = length;
        channel.moved = 0;
        channel.busy = true;
        const bool inside = channel.address >= base && channel.address + length <= base + size;
        if (!inside) channel.finish(decode_error);
    }

    void tick() {
        dut->aclk = 0;
        dut->eval();
        dut->aclk = 1;
        dut->eval();
    }

    // One clock cycle; a beat that is offered stays until it is taken.
    void cycle() {
        if (!offered && sending.busy && !random.chance(pause)) offer();
        dut->s_axis_tvalid = offered;
        dut->m_axis_tready = receiving.busy && !random.chance(pause);
        dut->aclk = 0;
        dut->eval();
        const bool sent = offered && dut->s_axis_tready;
        if (dut->m_axis_tvalid && dut->m_axis_tready) take();
        dut->aclk = 1;
        dut->eval();
        ++cycles;
        if (sent) {
            offered = false;
            sending.moved += kept;
            if (sending.moved == sending.length) sending.finish(idle | completed);
        }
    }

    void offer() {
        const std::uint32_t left = sending.length - sending.moved;
        kept = left < BEAT_BYTES ? left : BEAT_BYTES;
        std::array<std::uint8_t, BEAT_BYTES> beat{};
        std::memcpy(beat.data(), memory + (sending.address - base) + sending.moved, kept);
        store(dut->s_axis_tdata, beat.data(), beat.size());
        dut->s_axis_tkeep = (1u << kept) - 1;
        dut->s_axis_tlast = left <= BEAT_BYTES;
        offered = true;
    }

    void take() {
        std::uint32_t bytes = 0;
        while (bytes < BEAT_BYTES && dut->m_axis_tkeep >> bytes & 1) ++bytes;
        // A packet that is longer than the buffer is an error, not a second packet.
        if (receiving.moved + bytes > receiving.length) return receiving.finish(internal_error);
        std::uint8_t *to = memory + (receiving.address - base) + receiving.moved;
        std::memcpy(to, load(dut->m_axis_tdata), bytes);
        receiving.moved += bytes;
        if (dut->m_axis_tlast) {
            receiving.length = receiving.moved;
            receiving.finish(idle | completed);
        }
    }

    std::uint8_t *memory;
    std::uint64_t base, size;
    std::uint32_t length_mask, pause, kept = 0;
    bool offered = false;
    Channel sending, receiving;
    Random random;
    VerilatedContext context;
    std::unique_ptr<Vdut> dut;
};

}  // namespace

extern "C" {
// Memories are read from files named relative to the working folder, here and not later.
void *board_new(std::uint8_t *memory, std::uint64_t base, std::uint64_t size,
                std::uint32_t length_bits, std::uint32_t pause, std::uint64_t seed) {
    return new Board(memory, base, size, length_bits, pause, seed);
}
void board_delete(void *board) { delete static_cast<Board *>(board); }
std::uint32_t board_read(void *board, std::uint32_t offset) {
    return static_cast<Board *>(board)->read(offset);
}
void board_write(void *board, std::uint32_t offset, std::uint32_t value) {
    static_cast<Board *>(board)->write(offset, value);
}
std::uint64_t board_cycles(void *board) { return static_cast<Board *>(board)->cycles; }
}

// SPDX-License-Identifier: Apache-2.0
//
// Drives a module with AXI-Stream ports, verilated as `Vdut`, from raw files to raw files.
//
// The generated header "ports.hpp" names its ports:
//   #define INPUTS(X)  X(index, bytes per word, words per frame) ...
//   #define OUTPUTS(X) X(index, bytes per word, words per frame) ...
//
// Files hold the words of all frames, `bytes per word` each, little-endian. Frames follow one
// another without a pause, so that the distance of their ends is the steady period.
//
// A driver keeps a word valid until it is taken. Its random pauses, and those of the receivers, come
// from a seeded generator. A paced driver offers word k at cycle k * pace / words or later.
//
// The last line of stdout is one JSON object; the exit code is 0 also after a deadlock, which the
// object tells.

#include "Vdut.h"
#include "drive.hpp"
#include "ports.hpp"
#include "svdpi.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Waveform = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Waveform = VerilatedVcdC;
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef __linux__
#include <csignal>
#include <sys/prctl.h>
#endif

namespace {

// Cycles for which the module runs on after its last word, to catch words that it should not give.
constexpr std::uint64_t settling_cycles = 64;
constexpr int reset_cycles = 8;
constexpr std::uint64_t flushed_every = 64;  // frames

using Arguments = std::map<std::string, std::string>;

std::uint64_t number(const Arguments &arguments, const std::string &key) {
    return std::stoull(arguments.at(key));
}

struct Frame {
    std::uint64_t first_in = ~std::uint64_t{0}, last_in = 0;
    std::uint64_t first_out = ~std::uint64_t{0}, last_out = 0;
};

class File {
public:
    File(const std::string &path, const char *mode) : handle(std::fopen(path.c_str(), mode)) {
        if (!handle) throw std::runtime_error("cannot open " + path);
    }
    ~File() { std::fclose(handle); }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    void read(void *to, std::size_t bytes) {
        if (std::fread(to, 1, bytes, handle) != bytes) throw std::runtime_error("input too short");
    }
    void write(const void *from, std::size_t bytes) {
        if (std::fwrite(from, 1, bytes, handle) != bytes) throw std::runtime_error("disk full");
    }
    void flush() {
        if (std::fflush(handle) != 0) throw std::runtime_error("disk full");
    }

private:
    std::FILE *handle;
};

// Offers the words of a file; reads one frame at a time.
class Driver {
public:
    Driver(const Arguments &arguments, int index, std::size_t bytes, std::uint64_t words)
        : file(arguments.at("in" + std::to_string(index)), "rb"),
          random(number(arguments, "seed") * 64 + static_cast<std::uint64_t>(index)),
          frame(bytes * words), bytes(bytes), words(words), total(words * number(arguments, "frames")),
          pause(number(arguments, "pause_in")), pace(number(arguments, "pace")) {}

    // Chooses what is offered in the coming cycle; returns the word if it changed.
    const std::uint8_t *next(std::uint64_t cycle) {
        if (valid || done()) return nullptr;
        const bool early = pace != 0 && at * pace > cycle * words;
        if (early || random.chance(pause)) return nullptr;
        if (at % words == 0) file.read(frame.data(), frame.size());
        valid = true;
        return frame.data() + at % words * bytes;
    }
    void taken(std::uint64_t cycle, std::vector<Frame> &frames) {
        Frame &entry = frames[at / words];
        entry.first_in = std::min(entry.first_in, cycle);
        entry.last_in = std::max(entry.last_in, cycle);
        valid = false;
        ++at;
    }
    bool done() const { return at == total; }

    bool valid = false;

private:
    File file;
    Random random;
    std::vector<std::uint8_t> frame;
    std::size_t bytes;
    std::uint64_t words, total, at = 0, pause, pace;
};

// Takes words into a file.
class Receiver {
public:
    Receiver(const Arguments &arguments, int index, std::size_t bytes, std::uint64_t words)
        : file(arguments.at("out" + std::to_string(index)), "wb"),
          random(number(arguments, "seed") * 64 + 32 + static_cast<std::uint64_t>(index)),
          bytes(bytes), words(words), total(words * number(arguments, "frames")),
          pause(number(arguments, "pause_out")) {}

    bool ready() { return !random.chance(pause); }
    void take(const void *word, std::uint64_t cycle, std::vector<Frame> &frames) {
        if (done()) {
            ++surplus;
            return;
        }
        file.write(word, bytes);
        Frame &entry = frames[at / words];
        entry.first_out = std::min(entry.first_out, cycle);
        entry.last_out = std::max(entry.last_out, cycle);
        ++at;
        if (at % (words * flushed_every) == 0) file.flush();
    }
    bool done() const { return at == total; }

    std::uint64_t surplus = 0;

private:
    File file;
    Random random;
    std::size_t bytes;
    std::uint64_t words, total, at = 0, pause;
};

std::string edges;  // JSON, gathered when the simulation ends

}  // namespace

// stream_edge.sv calls this for each edge when the simulation ends.
extern "C" void hwsubnet_edge(int id, long long words, long long blocked, long long starved,
                              int fullest, svBit full, svBit empty) {
    std::array<char, 256> text;
    std::snprintf(text.data(), text.size(),
                  "%s{\"id\":%d,\"words\":%lld,\"blocked\":%lld,\"starved\":%lld,\"fullest\":%d,"
                  "\"full\":%s,\"empty\":%s}",
                  edges.empty() ? "" : ",", id, words, blocked, starved, fullest,
                  full ? "true" : "false", empty ? "true" : "false");
    edges += text.data();
}

namespace {

int simulate(const Arguments &arguments) {
    const std::uint64_t frames_total = number(arguments, "frames");
    const std::uint64_t patience = number(arguments, "patience");
    std::vector<Frame> frames(frames_total);

    const auto context = std::make_unique<VerilatedContext>();
    context->randReset(static_cast<int>(number(arguments, "fill")));
    context->randSeed(static_cast<int>(number(arguments, "seed")) + 1);
    const auto dut = std::make_unique<Vdut>(context.get());
#if VM_TRACE
    Waveform waveform;
    if (arguments.count("waveform")) {
        context->traceEverOn(true);
        dut->trace(&waveform, 99);
        waveform.open(arguments.at("waveform").c_str());
    }
#define DUMP(time) if (waveform.isOpen()) waveform.dump(time)
#else
#define DUMP(time) (void)0
#endif

#define DRIVER(i, bytes, words) Driver driver##i(arguments, i, bytes, words);
#define RECEIVER(i, bytes, words) Receiver receiver##i(arguments, i, bytes, words);
    INPUTS(DRIVER)
    OUTPUTS(RECEIVER)

    dut->ap_rst_n = 0;
    for (int half = 0; half < 2 * reset_cycles; ++half) {
        dut->ap_clk = half & 1;
        dut->eval();
        DUMP(static_cast<std::uint64_t>(half));
    }
    dut->ap_rst_n = 1;

    std::uint64_t cycle = 0, last_progress = 0, settled = 0;
    bool deadlock = false;
    while (settled < settling_cycles) {
#define OFFER(i, bytes, words)                                                                      \
    if (const std::uint8_t *word = driver##i.next(cycle)) store(dut->s_axis_##i##_tdata, word, bytes); \
    dut->s_axis_##i##_tvalid = driver##i.valid;
#define ACCEPT(i, bytes, words) dut->m_axis_##i##_tready = receiver##i.ready();
        INPUTS(OFFER)
        OUTPUTS(ACCEPT)
        dut->ap_clk = 0;
        dut->eval();
        DUMP(2 * (cycle + reset_cycles));
        bool moved = false;
#define TAKEN(i, bytes, words)                                                                      \
    if (driver##i.valid && dut->s_axis_##i##_tready) {                                              \
        driver##i.taken(cycle, frames);                                                             \
        moved = true;                                                                               \
    }
#define TAKE(i, bytes, words)                                                                       \
    if (dut->m_axis_##i##_tvalid && dut->m_axis_##i##_tready) {                                     \
        receiver##i.take(load(dut->m_axis_##i##_tdata), cycle, frames);                             \
        moved = true;                                                                               \
    }
        INPUTS(TAKEN)
        OUTPUTS(TAKE)
        dut->ap_clk = 1;
        dut->eval();
        DUMP(2 * (cycle + reset_cycles) + 1);
        ++cycle;
        if (moved) last_progress = cycle;
#define ALL(i, bytes, words) && receiver##i.done()
        if (true OUTPUTS(ALL)) {
            ++settled;
        } else if (cycle - last_progress > patience) {
            deadlock = true;
            break;
        }
    }
    dut->final();
#if VM_TRACE
    if (waveform.isOpen()) waveform.close();
#endif

    File timing(arguments.at("timing"), "wb");
    timing.write(frames.data(), frames.size() * sizeof(Frame));
    std::uint64_t surplus = 0;
#define SURPLUS(i, bytes, words) surplus += receiver##i.surplus;
    OUTPUTS(SURPLUS)
    std::printf("{\"cycles\":%llu,\"deadlock\":%s,\"surplus\":%llu,\"edges\":[%s]}\n",
                static_cast<unsigned long long>(cycle), deadlock ? "true" : "false",
                static_cast<unsigned long long>(surplus), edges.c_str());
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed parent cannot end this process itself
#endif
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t split = argument.find('=');
        arguments[argument.substr(0, split)] = argument.substr(split + 1);
    }
    try {
        return simulate(arguments);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

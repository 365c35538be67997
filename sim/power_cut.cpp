#include "power_cut.h"

#include <random>
#include <vector>

namespace sealkey::sim {

namespace {

struct Name {
    Tear tear;
    const char* name;
};
constexpr Name kNames[] = {
    {Tear::nothing, "nothing"}, {Tear::prefix, "prefix"}, {Tear::subset, "subset"}, {Tear::whole, "whole"}};

}  // namespace

std::optional<Tear> tear_by_name(const std::string& name) {
    for (const Name& entry : kNames) {
        if (name == entry.name) return entry.tear;
    }
    return std::nullopt;
}

const char* name_of(Tear tear) {
    for (const Name& entry : kNames) {
        if (tear == entry.tear) return entry.name;
    }
    return "?";
}

namespace {

// Where a prefix ends: somewhere in the middle of the bytes that change, since the others show nothing.
std::size_t prefix_end(Bytes before, Bytes wanted, std::mt19937_64& random) {
    std::vector<std::size_t> changing;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (before[i] != wanted[i]) changing.push_back(i);
    }
    if (changing.empty()) return wanted.size();
    return changing[changing.size() / 2 + static_cast<std::size_t>(random() % (changing.size() / 4 + 1))];
}

}  // namespace

CutReport PowerCut::apply(const char* operation, std::uint32_t offset, Bytes before, MutableBytes wanted,
                          std::uint64_t seed) {
    CutReport report{};
    report.operation = operation;
    report.number = number_;
    report.offset = offset;
    report.length = static_cast<std::uint32_t>(wanted.size());
    report.tear = tear_;
    std::mt19937_64 random(seed);
    const std::size_t done = prefix_end(before, wanted, random);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::uint8_t now = before[i];
        const std::uint8_t then = wanted[i];
        std::uint8_t left = then;
        if (tear_ == Tear::nothing || (tear_ == Tear::prefix && i >= done)) left = now;
        if (tear_ == Tear::subset) {
            // Of the bits that change, each one falls or rises, or doesn't yet.
            left = static_cast<std::uint8_t>(now ^ ((now ^ then) & static_cast<std::uint8_t>(random())));
        }
        if (now != then) ++report.to_change;
        if (left != then) ++report.torn;
        wanted[i] = left;
    }
    return report;
}

}  // namespace sealkey::sim

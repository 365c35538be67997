#include "chip_time.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <thread>

namespace sealkey::sim {

namespace {

using Op = ChipOperation;

constexpr const char* kPartNames[] = {"key_generation", "private_key", "public_key", "symmetric",
                                      "flash",          "usb",         "waiting"};

// The RP2040's Cortex-M0+ at 125 MHz: 9.5 million instructions of a P-256 signature take 0.10 s.
constexpr double mega(double instructions) { return instructions * 1e6 / 95.0; }
constexpr char kCounted[] = "instructions counted on a Cortex-M0+ (mbedTLS 3.6, -Os), 95 in a microsecond at 125 MHz";
constexpr char kLikeSign[] = "as a signature: both are one multiplication of the base point";
constexpr char kLikeP256[] = "assumed: P-384's signature, in P-256's proportions";
constexpr char kCubed[] = "assumed: RSA-2048's by the cube of the length";
constexpr char kSeeds[] = "instructions counted for six seeds; each key's time is drawn between, even on a log scale";
constexpr char kFlash[] = "W25Q16JV data sheet, typical";

constexpr ChipFigure kRp2040[] = {
    {Op::p256_generate, "P-256 key", mega(9.5), kLikeSign},
    {Op::p256_sign, "P-256 signature", mega(9.5), kCounted},
    {Op::p256_verify, "P-256 verification", mega(33.8), kCounted},
    {Op::p256_agree, "P-256 ECDH", mega(23.0), kCounted},
    {Op::p384_generate, "P-384 key", mega(19.8), kLikeSign},
    {Op::p384_sign, "P-384 signature", mega(19.8), kCounted},
    {Op::p384_verify, "P-384 verification", mega(70.4), kLikeP256},
    {Op::p384_agree, "P-384 ECDH", mega(47.9), kLikeP256},
    {Op::rsa2048_private, "RSA-2048 private operation", mega(315), kCounted},
    {Op::rsa3072_private, "RSA-3072 private operation", mega(1063), kCubed},
    {Op::rsa4096_private, "RSA-4096 private operation", mega(1862), kCounted},
    {Op::rsa2048_generate_fastest, "RSA-2048 key, fastest", mega(3905), kSeeds},
    {Op::rsa2048_generate_slowest, "RSA-2048 key, slowest", mega(16536), kSeeds},
    {Op::hash_byte, "SHA-256, a byte", mega(0.11) / 1024, kCounted},
    {Op::cipher_byte, "AES or MAC, a byte", mega(0.22) / 1024, "assumed: twice SHA-256's"},
    {Op::erase_sector, "flash: erase 4 KiB", 45'000, kFlash},
    {Op::program_page, "flash: program a page of 256 bytes", 400, kFlash},
    {Op::usb_command, "USB: a command and its answer", 2'000, "full speed: a frame of 1 ms each way"},
    {Op::usb_byte, "USB: a byte", 1000.0 / (19 * 64), "full speed: at most 19 bulk packets of 64 bytes a frame"},
};
constexpr bool in_order() {
    for (std::size_t i = 0; i < std::size(kRp2040); ++i) {
        if (static_cast<std::size_t>(kRp2040[i].operation) != i) return false;
    }
    return true;
}
static_assert(in_order());

constexpr ChipProfile kProfiles[] = {{"rp2040", kRp2040}};

constexpr double kMeasuredBits = 2048;
constexpr double kGenerationPower = 4;  // a candidate costs the cube, and there are more of them

}  // namespace

const char* name_of(ChipPart part) { return kPartNames[static_cast<std::size_t>(part)]; }

const ChipProfile* chip_profile(const std::string& name) {
    for (const ChipProfile& profile : kProfiles) {
        if (name == profile.name) return &profile;
    }
    return nullptr;
}

ChipTime* ChipTime::running_ = nullptr;

ChipTime::ChipTime(const ChipProfile& profile, double scale, std::uint64_t seed)
    : profile_(profile), scale_(scale), luck_(seed) {}

void ChipTime::begin() {
    running_ = this;
    begun_ = Clock::now();
    due_ = 0;
}

void ChipTime::end(std::size_t bytes) {
    running_ = nullptr;
    ++totals_.commands;
    did(ChipPart::usb, Op::usb_command);
    add(ChipPart::usb, static_cast<double>(bytes) * profile_.microseconds(Op::usb_byte));
    const auto due =
        begun_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::micro>(due_ * scale_));
    const auto now = Clock::now();
    if (now > due) totals_.late += std::chrono::duration<double, std::micro>(now - due).count();
    std::this_thread::sleep_until(due);
}

void ChipTime::add(ChipPart part, double microseconds) {
    totals_.microseconds[static_cast<std::size_t>(part)] += microseconds;
    due_ += microseconds;
}

void ChipTime::did(ChipPart part, ChipOperation operation, double times) {
    ++totals_.counts[static_cast<std::size_t>(part)];
    add(part, times * profile_.microseconds(operation));
}

void ChipTime::waited(std::chrono::milliseconds time) {
    ++totals_.counts[static_cast<std::size_t>(ChipPart::waiting)];
    add(ChipPart::waiting, std::chrono::duration<double, std::micro>(time).count());
}

void ChipTime::generated_rsa(unsigned modulus_bits) {
    const double fastest = std::log(profile_.microseconds(Op::rsa2048_generate_fastest));
    const double slowest = std::log(profile_.microseconds(Op::rsa2048_generate_slowest));
    // Not std::uniform_real_distribution, whose numbers differ between libraries.
    const double part = static_cast<double>(luck_() >> 11) / static_cast<double>(std::uint64_t{1} << 53);
    ++totals_.counts[static_cast<std::size_t>(ChipPart::key_generation)];
    add(ChipPart::key_generation,
        std::exp(fastest + part * (slowest - fastest)) * std::pow(modulus_bits / kMeasuredBits, kGenerationPower));
}

}  // namespace sealkey::sim

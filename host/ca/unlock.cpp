#include "ca/unlock.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>

#include "ca/error.h"
#include "ca/openssl.h"
#include "protocol/limits.h"
#include "token/error.h"

namespace sealkey::ca {

namespace {

constexpr std::size_t kMacSize = 16;
constexpr std::uint64_t kCodeModulus = 1'000'000'000'000'000;  // 10^15
constexpr std::uint32_t kMaxTokenNumber = 9'999'999;

using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using MacCtx = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;

// KVN(1) || serial(12), to which a code's event is added.
Secret<32> context_of(std::uint8_t key_version, std::string_view serial) {
    if (serial.size() != protocol::kSerialSize) {
        throw CaError(Fault::bad_argument, mark("A key's serial number has 12 characters."));
    }
    Secret<32> context;
    context.buffer()[0] = key_version;
    std::copy(serial.begin(), serial.end(), context.buffer().begin() + 1);
    context.resize(1 + serial.size());
    return context;
}

Key256 diversified(Bytes master, const char* label, std::uint8_t key_version, std::string_view serial) {
    if (master.size() != Key256::capacity()) throw CaError(Fault::corrupt, mark("A master key has a wrong length."));
    const Secret<32> context = context_of(key_version, serial);
    Key256 key;
    key.resize(Key256::capacity());
    derive(master, label, context.bytes(), key.buffer());
    return key;
}

void check_event_open(const token::LockStatement& statement, const LockHistory& history) {
    const std::uint16_t counter = statement.lock.counter;
    if (counter <= history.last_redeemed) {
        throw CaError(
            Fault::replayed,
            mark("This lock statement is an old one: lock %1 of key %2 is over. Ask for the statement that the "
                 "key gives now."),
            {std::to_string(counter), history.serial});
    }
    if (counter < history.last_seen) {
        throw CaError(
            Fault::replayed,
            mark("This lock statement is an old one: key %2 has told of lock %3 already, this is lock %1. Ask "
                 "for the statement that the key gives now."),
            {std::to_string(counter), history.serial, std::to_string(history.last_seen)});
    }
    switch (statement.lock.state) {
        case protocol::LockState::locked:
        case protocol::LockState::activation_pending:
            break;
        case protocol::LockState::bench_only:
            throw CaError(Fault::policy,
                          mark("Key %1 takes no more codes: too many wrong ones were entered. It has to "
                               "come to the bench."),
                          {history.serial});
        case protocol::LockState::none:
        default:
            throw CaError(Fault::policy, mark("The statement of key %1 says that it isn't locked."), {history.serial});
    }
}

}  // namespace

std::array<std::uint8_t, 16> cmac(Bytes key, Bytes data) {
    const Mac mac(EVP_MAC_fetch(nullptr, "CMAC", nullptr));
    require(mac != nullptr, "CMAC");
    const MacCtx ctx(EVP_MAC_CTX_new(mac.get()));
    char cipher[] = "AES-256-CBC";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
                                 OSSL_PARAM_construct_end()};
    std::array<std::uint8_t, kMacSize> out{};
    std::size_t size = 0;
    require(ctx && EVP_MAC_init(ctx.get(), key.data(), key.size(), params) == 1 &&
                EVP_MAC_update(ctx.get(), data.data(), data.size()) == 1 &&
                EVP_MAC_final(ctx.get(), out.data(), &size, out.size()) == 1 && size == out.size(),
            "CMAC");
    return out;
}

void derive(Bytes key, std::string_view label, Bytes context, MutableBytes out) {
    std::array<std::uint8_t, 128> input{};
    const std::size_t size = 1 + label.size() + 1 + context.size() + 4;
    if (size > input.size() || out.empty() || out.size() > 255 * kMacSize) {
        throw CaError(Fault::bad_argument, mark("A key derivation of this size isn't provided for."));
    }
    std::uint8_t* p = input.data() + 1;
    p = std::copy(label.begin(), label.end(), p);
    *p++ = 0;
    p = std::copy(context.begin(), context.end(), p);
    store_be32(p, static_cast<std::uint32_t>(out.size() * 8));
    for (std::size_t done = 0; done < out.size(); done += kMacSize) {
        input[0] = static_cast<std::uint8_t>(done / kMacSize + 1);
        auto block = cmac(key, Bytes(input).first(size));
        const std::size_t part = std::min(kMacSize, out.size() - done);
        std::copy_n(block.begin(), part, out.begin() + static_cast<std::ptrdiff_t>(done));
        wipe(block);
    }
    wipe(input);
}

Key256 unlock_key(const Masters& masters, std::string_view serial) {
    return diversified(masters.unlock.bytes(), protocol::kUnlockLabel, masters.key_version, serial);
}

Key256 management_key(const Masters& masters, std::string_view serial) {
    return diversified(masters.management.bytes(), protocol::kManagementLabel, masters.key_version, serial);
}

token::CodeDigits reset_code(const Masters& masters, const LockEvent& event) {
    if (event.counter == 0 || event.counter == protocol::kLastLockCounter || event.salt >= protocol::kSaltLimit) {
        throw CaError(Fault::bad_argument, mark("There is no code for lock %1 with salt %2."),
                      {std::to_string(event.counter), std::to_string(event.salt)});
    }
    const Key256 key = unlock_key(masters, event.serial);
    Secret<32> context = context_of(masters.key_version, event.serial);
    const std::size_t base = context.size();
    store_be16(context.buffer().data() + base, event.counter);
    store_be32(context.buffer().data() + base + 2, event.salt);
    context.buffer()[base + 6] = protocol::kPurposePin;
    context.resize(base + 7);

    Secret<16> value;
    value.resize(16);
    derive(key.bytes(), protocol::kCodeLabel, context.bytes(), value.buffer());
    std::uint64_t number = 0;
    for (const std::uint8_t byte : value.bytes()) number = (number * 256 + byte) % kCodeModulus;
    token::CodeDigits digits;
    digits.resize(protocol::kCodeDigits);
    for (std::size_t i = protocol::kCodeDigits; i-- > 0; number /= 10) {
        digits.buffer()[i] = static_cast<std::uint8_t>('0' + number % 10);
    }
    return digits;
}

token::LockStatement check_lock_statement(const Masters& masters, const LockHistory& history, Bytes bytes) {
    if (bytes.size() != protocol::kLockStatementSize || bytes[0] != 1) {
        throw CaError(Fault::bad_argument, mark("This isn't a lock statement of a key (38 bytes, version 1)."));
    }
    token::LockStatement statement;
    try {
        statement = token::parse_lock_statement(bytes);
    } catch (const token::TokenError&) {
        throw CaError(Fault::bad_argument, mark("This isn't a lock statement of a key (38 bytes, version 1)."));
    }
    if (statement.serial != history.serial) {
        throw CaError(Fault::unknown, mark("The lock statement is not that of key %1."), {history.serial});
    }
    if (statement.key_version != history.key_version || statement.key_version != masters.key_version) {
        throw CaError(Fault::unknown, mark("The lock statement of key %1 names key version %2, which isn't its own."),
                      {history.serial, std::to_string(statement.key_version)});
    }
    constexpr std::size_t kLabelSize = sizeof protocol::kLockStatementLabel - 1;
    std::array<std::uint8_t, kLabelSize + protocol::kLockStatementSigned> input{};
    auto* p = std::copy_n(protocol::kLockStatementLabel, kLabelSize, input.data());
    std::copy_n(bytes.begin(), protocol::kLockStatementSigned, p);
    const Key256 key = unlock_key(masters, history.serial);
    if (!constant_time_equal(cmac(key.bytes(), input), bytes.subspan(protocol::kLockStatementSigned))) {
        throw CaError(Fault::forged, mark("The lock statement wasn't made by key %1, or was changed on the way."),
                      {history.serial});
    }
    check_event_open(statement, history);
    return statement;
}

LockEvent event_of_request(const LockHistory& history, const token::RequestCode& request) {
    const std::uint32_t first =
        std::max<std::uint32_t>(history.last_redeemed + 1U, std::max<std::uint32_t>(history.last_seen, 1));
    const std::uint32_t counter = first + (1000 + request.counter_mod_1000 - first % 1000) % 1000;
    if (request.counter_mod_1000 >= 1000 || request.salt >= protocol::kSaltLimit ||
        counter >= protocol::kLastLockCounter) {
        throw CaError(Fault::replayed, mark("The request code doesn't belong to a lock of key %1 that is open."),
                      {history.serial});
    }
    return {history.serial, static_cast<std::uint16_t>(counter), request.salt};
}

void check_reset_done(const Masters& masters, std::string_view serial, std::uint16_t counter, Bytes proof) {
    constexpr std::size_t kLabelSize = sizeof protocol::kResetDoneLabel - 1;
    std::array<std::uint8_t, kLabelSize + 2> input{};
    store_be16(std::copy_n(protocol::kResetDoneLabel, kLabelSize, input.data()), counter);
    const Key256 key = unlock_key(masters, serial);
    if (!constant_time_equal(cmac(key.bytes(), input), proof)) {
        throw CaError(Fault::forged, mark("The proof that key %1 was unlocked is wrong."), {std::string(serial)});
    }
}

std::string make_token_serial(int year, std::uint32_t number) {
    if (number == 0 || number > kMaxTokenNumber) {
        throw CaError(Fault::bad_argument, mark("The inventory has no serial numbers left for this year."));
    }
    char digits[16];
    std::snprintf(digits, sizeof digits, "%02d%07u", year % 100, number);
    return "SK" + std::string(digits) + token::damm_digit(digits);
}

void check_token_serial(std::string_view serial) {
    const bool form = serial.size() == protocol::kSerialSize && serial.substr(0, 2) == "SK" &&
                      serial.find_first_not_of("0123456789", 2) == std::string_view::npos;
    if (!form || token::damm_digit(serial.substr(2, 9)) != serial[11]) {
        throw CaError(Fault::bad_argument,
                      mark("%1 isn't a serial number of ours: SK and ten digits, the last of them a "
                           "check digit. Was one mistyped?"),
                      {std::string(serial)});
    }
}

}  // namespace sealkey::ca

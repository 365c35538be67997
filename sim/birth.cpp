#include "birth.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/tlv.h"
#include "channel_crypto.h"
#include "protocol/piv.h"
#include "protocol/status_words.h"
#include "token/error.h"

namespace sealkey::sim {

namespace {

namespace tag = protocol::tag;
using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kKeySize = 32;
constexpr const char* kNames[] = {"enc", "mac", "dek"};

using KeyList = std::array<Secret<32>*, 3>;
KeyList list(TransportKeys& keys) { return {&keys.enc, &keys.mac, &keys.dek}; }

std::string hex(Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

void read_key(const nlohmann::json& keys, const char* name, Secret<32>& out, const std::string& path) {
    const auto found = keys.find(name);
    const std::string text = found != keys.end() && found->is_string() ? found->get<std::string>() : "";
    if (text.size() != kKeySize * 2 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        throw StateError("birth record " + path +
                         ": transport_keys must be enc, mac and dek, 64 hexadecimal digits each");
    }
    out.resize(kKeySize);
    for (std::size_t i = 0; i < kKeySize; ++i) {
        out.buffer()[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    }
}

// Data of a 9000 answer; StateError names the step otherwise.
Buffer expect_ok(const Transmit& transmit, const Buffer& command, const char* step) {
    Buffer response = transmit(command);
    if (response.size() < 2) throw StateError(fmt::format("{}: the token gave no answer", step));
    const std::uint16_t word = load_be16(response.data() + response.size() - 2);
    if (word != protocol::sw::ok) throw StateError(fmt::format("{}: the token answered {:04X}", step, word));
    response.resize(response.size() - 2);
    return response;
}

Buffer command(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data) {
    Buffer bytes{cla, ins, p1, p2};
    if (!data.empty()) {
        bytes.push_back(static_cast<std::uint8_t>(data.size()));
        bytes.insert(bytes.end(), data.begin(), data.end());
    }
    bytes.push_back(0);
    return bytes;
}

void select_piv(const Transmit& transmit) {
    const auto ins = static_cast<std::uint8_t>(protocol::Ins::select);
    expect_ok(transmit, command(0x00, ins, 0x04, 0x00, protocol::kPivAid), "selecting the PIV application");
}

token::Answer answer_of(Buffer response) {
    if (response.size() < 2) throw StateError("the token gave no answer");
    const std::uint16_t word = load_be16(response.data() + response.size() - 2);
    response.resize(response.size() - 2);
    return {std::move(response), word};
}

}  // namespace

std::string birth_record_path(const std::string& state_path) { return state_path + ".birth.json"; }

TransportKeys new_transport_keys() {
    TransportKeys keys;
    keys.version = protocol::kTransportKvn;
    for (Secret<32>* key : list(keys)) {
        key->resize(kKeySize);
        kernel_random(key->buffer());
    }
    return keys;
}

void write_birth_record(const StateFile& state, const TransportKeys& keys) {
    const std::string path = birth_record_path(state.path());
    const std::string aside = path + ".new";
    const nlohmann::ordered_json record = {
        {"chip_id", hex(state.chip_id())},
        {"transport_keys",
         {{"enc", hex(keys.enc.bytes())}, {"mac", hex(keys.mac.bytes())}, {"dek", hex(keys.dek.bytes())}}}};
    const std::string text = record.dump(2) + "\n";
    unlink(aside.c_str());
    const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) close(fd);
    if (!written || rename(aside.c_str(), path.c_str()) != 0) {
        throw StateError("birth record " + path + ": can't be written: " + std::strerror(errno));
    }
}

TransportKeys read_birth_record(const StateFile& state) {
    const std::string path = birth_record_path(state.path());
    std::ifstream file(path);
    if (!file) throw StateError("birth record " + path + ": can't be opened: " + std::strerror(errno));
    const nlohmann::json record = nlohmann::json::parse(file, nullptr, false);
    if (!record.is_object() || !record.contains("transport_keys") || !record["transport_keys"].is_object()) {
        throw StateError("birth record " + path + ": is not a birth record");
    }
    TransportKeys keys;
    keys.version = protocol::kTransportKvn;
    const KeyList all = list(keys);
    for (std::size_t i = 0; i < all.size(); ++i) read_key(record["transport_keys"], kNames[i], *all[i], path);
    return keys;
}

TokenState token_state(const Transmit& transmit) {
    select_piv(transmit);
    const auto ins = static_cast<std::uint8_t>(protocol::OwnIns::token_status);
    const Buffer status = expect_ok(transmit, command(protocol::kClaOwn, ins, 0, 0, {}), "reading the token's status");
    const auto profile = find_tlv(status, protocol::status_tag::profile);
    const auto lifecycle = find_tlv(status, protocol::status_tag::lifecycle);
    if (!profile || profile->size() != 1 || !lifecycle || lifecycle->size() != 1) {
        throw StateError("reading the token's status: profile or lifecycle is missing");
    }
    return {static_cast<protocol::Profile>((*profile)[0]), static_cast<protocol::Lifecycle>((*lifecycle)[0])};
}

void initialise_compatibility(const StateFile& state, const TransportKeys& keys, const Transmit& transmit) {
    select_piv(transmit);
    ChannelCrypto crypto([](MutableBytes out) { kernel_random(out); });
    token::Scp03Session session(crypto, keys);
    const auto carry = [&](const token::Command& c) {
        return answer_of(transmit(command(c.cla, c.ins, c.p1, c.p2, c.data)));
    };
    try {
        token::open_session(session, carry);
    } catch (const token::TokenError& error) {
        throw StateError(std::string("opening the channel with the transport keys: ") + error.what());
    }
    // A serial that can't be taken for one that a bench gave: SIM and the end of the chip id.
    std::string serial = "SIM";
    for (const std::uint8_t byte : state.chip_id().subspan(3)) serial += fmt::format("{:02X}", byte);
    serial.resize(protocol::kSerialSize);
    std::array<std::uint8_t, 4> number{};
    std::copy(state.chip_id().begin(), state.chip_id().begin() + 4, number.begin());
    number[0] &= 0x7F;
    std::array<std::uint8_t, 16> guid{};
    kernel_random(guid);

    Buffer data(64);
    TlvWriter writer(data);
    writer.put(protocol::status_tag::serial, {reinterpret_cast<const std::uint8_t*>(serial.data()), serial.size()})
        .put_byte(protocol::status_tag::profile, static_cast<std::uint8_t>(protocol::Profile::compatibility))
        .put(protocol::status_tag::numeric_serial, number)
        .put(0x8E, guid);
    const auto ins = static_cast<std::uint8_t>(protocol::OwnIns::initialise);
    const auto wrapped = session.wrap({protocol::kClaOwn, ins, 0, 0, writer.bytes()});
    const token::Answer answer = session.unwrap(carry(wrapped.command()));
    if (!answer.ok()) throw StateError(fmt::format("initialising the token: it answered {:04X}", answer.status_word));
}

}  // namespace sealkey::sim

#include "birth.h"

#include <fcntl.h>
#include <mbedtls/aes.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/tlv.h"
#include "protocol/piv.h"
#include "protocol/status_words.h"

namespace sealkey::sim {

namespace {

namespace tag = protocol::tag;
using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kBlock = 16;

std::string hex(Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

TransportKey from_hex(const std::string& text, const std::string& path) {
    TransportKey key{};
    bool good = text.size() == key.size() * 2 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    for (std::size_t i = 0; good && i < key.size(); ++i) {
        key[i] = static_cast<std::uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    }
    if (!good) throw StateError("birth record " + path + ": transport_key must be 64 hexadecimal digits");
    return key;
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

// One AES-256 block.
void aes_block(int mode, const TransportKey& key, const std::uint8_t* in, std::uint8_t* out) {
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    const bool good = (mode == MBEDTLS_AES_ENCRYPT ? mbedtls_aes_setkey_enc(&aes, key.data(), 256)
                                                   : mbedtls_aes_setkey_dec(&aes, key.data(), 256)) == 0 &&
                      mbedtls_aes_crypt_ecb(&aes, mode, in, out) == 0;
    mbedtls_aes_free(&aes);
    if (!good) throw StateError("AES failed");
}

// SP 800-73-4 part 2, 3.2.4: mutual authentication with the management key.
void authenticate(const TransportKey& key, const Transmit& transmit) {
    const auto ins = static_cast<std::uint8_t>(protocol::Ins::general_authenticate);
    const auto algorithm = static_cast<std::uint8_t>(protocol::Algorithm::aes256);
    const char* step = "authenticating with the transport key";
    const Buffer ask{0x7C, 0x02, 0x80, 0x00};
    const Buffer answer = expect_ok(transmit, command(0x00, ins, algorithm, protocol::ref::management, ask), step);
    const auto outer = find_tlv(answer, tag::dynamic_authentication);
    const auto witness = outer ? find_tlv(*outer, tag::witness) : std::nullopt;
    if (!witness || witness->size() != kBlock) throw StateError(std::string(step) + ": no witness");

    std::array<std::uint8_t, kBlock> opened{};
    std::array<std::uint8_t, kBlock> challenge{};
    aes_block(MBEDTLS_AES_DECRYPT, key, witness->data(), opened.data());
    kernel_random(challenge);
    Buffer data(4 + 2 * (kBlock + 2));
    TlvWriter writer(data);
    writer.header(tag::dynamic_authentication, 2 * (kBlock + 2))
        .put(tag::witness, opened)
        .put(tag::challenge, challenge);
    const Buffer proof =
        expect_ok(transmit, command(0x00, ins, algorithm, protocol::ref::management, writer.bytes()), step);
    const auto inner = find_tlv(proof, tag::dynamic_authentication);
    const auto response = inner ? find_tlv(*inner, tag::response) : std::nullopt;
    std::array<std::uint8_t, kBlock> expected{};
    aes_block(MBEDTLS_AES_ENCRYPT, key, challenge.data(), expected.data());
    if (!response || !constant_time_equal(*response, expected)) {
        throw StateError(std::string(step) + ": the token doesn't hold this key");
    }
}

}  // namespace

std::string birth_record_path(const std::string& state_path) { return state_path + ".birth.json"; }

void write_birth_record(const StateFile& state, const TransportKey& key) {
    const std::string path = birth_record_path(state.path());
    const std::string aside = path + ".new";
    const nlohmann::ordered_json record = {{"chip_id", hex(state.chip_id())}, {"transport_key", hex(key)}};
    const std::string text = record.dump(2) + "\n";
    unlink(aside.c_str());
    const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) close(fd);
    if (!written || rename(aside.c_str(), path.c_str()) != 0) {
        throw StateError("birth record " + path + ": can't be written: " + std::strerror(errno));
    }
}

TransportKey read_birth_record(const StateFile& state) {
    const std::string path = birth_record_path(state.path());
    std::ifstream file(path);
    if (!file) throw StateError("birth record " + path + ": can't be opened: " + std::strerror(errno));
    const nlohmann::json record = nlohmann::json::parse(file, nullptr, false);
    if (!record.is_object() || !record.contains("transport_key") || !record["transport_key"].is_string()) {
        throw StateError("birth record " + path + ": is not a birth record");
    }
    return from_hex(record["transport_key"].get<std::string>(), path);
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

void initialise_compatibility(const StateFile& state, const TransportKey& key, const Transmit& transmit) {
    select_piv(transmit);
    authenticate(key, transmit);
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
    expect_ok(transmit, command(protocol::kClaOwn, ins, 0, 0, writer.bytes()), "initialising the token");
}

}  // namespace sealkey::sim

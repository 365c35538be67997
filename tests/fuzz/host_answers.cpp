// What a lying token may answer, read by the host's typed client: only TokenError comes out, and nothing is sent twice
// that is secret.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>

#include "token/error.h"
#include "token/record.h"
#include "token/staging.h"
#include "token/status.h"
#include "token/token.h"

using namespace sealkey;

namespace {

constexpr std::size_t kLongestCommand = 4096 + 9;
constexpr char kPin[] = "739155";

// Answers each command with the next piece of the input: length(2), then at most that many bytes. At the end: 6F00.
class Script final : public transport::Connection {
public:
    Script(Bytes rest, bool extended) : rest_(rest), extended_(extended) {}
    transport::ByteVector transmit(transport::ByteView command) override {
        if (command.size() < 4 || command.size() > kLongestCommand) std::abort();
        const auto pin = bytes_of(kPin);
        if (std::search(command.begin(), command.end(), pin.begin(), pin.end()) != command.end()) {
            if (++pins_sent_ > 1) std::abort();
        }
        if (rest_.size() < 2) return {0x6F, 0x00};
        const std::size_t length = std::min<std::size_t>(load_be16(rest_.data()), rest_.size() - 2);
        const Bytes answer = rest_.subspan(2, length);
        rest_ = rest_.subspan(2 + length);
        return {answer.begin(), answer.end()};
    }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] transport::ByteVector atr() const override { return {0x3B, 0x80, 0x80, 0x01, 0x01}; }
    [[nodiscard]] bool extended_length() const override { return extended_; }

private:
    Bytes rest_;
    bool extended_;
    int pins_sent_ = 0;
};

using Call = void (*)(token::Token&);
constexpr Call kCalls[] = {
    [](token::Token& t) { (void)t.recognise(); },
    [](token::Token& t) { (void)t.token_status(); },
    [](token::Token& t) { (void)t.read_object(protocol::object::chuid); },
    [](token::Token& t) { (void)t.read_in_parts(protocol::object::seal, 1000, {}); },
    [](token::Token& t) { (void)t.read_certificate(protocol::ref::authentication); },
    [](token::Token& t) { (void)t.lock_statement(); },
    [](token::Token& t) { (void)t.metadata(protocol::ref::signature); },
    [](token::Token& t) { (void)t.vendor_serial(); },
    [](token::Token& t) { (void)t.vendor_version(); },
    [](token::Token& t) { (void)t.pin_presence(); },
    [](token::Token& t) { t.verify(bytes_of(kPin)); },
    [](token::Token& t) {
        (void)t.sign(protocol::ref::authentication, protocol::Algorithm::p256, Secret<32>().buffer());
    },
    [](token::Token& t) { (void)t.generate(protocol::ref::authentication, protocol::Algorithm::rsa2048); },
    [](token::Token& t) { (void)t.generate(protocol::ref::authentication, protocol::Algorithm::p256); },
};

template <class Parse>
void try_parse(Parse parse) {
    try {
        parse();
    } catch (const token::TokenError&) {
    }
}

}  // namespace

// First byte: the call (the highest bit: a reader with extended length). The rest: the answers, and once more as the
// body of each kind of data alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const Bytes rest(data + 1, size - 1);
    token::Token token(std::make_unique<Script>(rest, (data[0] & 0x80) != 0));
    try_parse([&] { kCalls[(data[0] & 0x7F) % std::size(kCalls)](token); });
    try_parse([&] { (void)token::parse_status(rest); });
    try_parse([&] {
        const token::StagingStatus status = token::parse_staging_status(rest);
        if (status.rid && status.staged.empty()) std::abort();
    });
    try_parse([&] {
        const token::LockStatement statement = token::parse_lock_statement(rest);
        if (statement.serial.size() != protocol::kSerialSize) std::abort();
    });
    try_parse([&] {
        const token::EnterpriseRecord record = token::decode_record(rest);
        // What is taken keeps its rules, so that it can be written, and comes back the same.
        if (token::decode_record(token::encode_record(record)) != record) std::abort();
    });
    return 0;
}

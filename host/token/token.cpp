// Session handling, reading and the PIN.
#include "token/token.h"

#include <algorithm>
#include <cstdio>

#include "base/tlv.h"
#include "protocol/atr.h"
#include "protocol/limits.h"

namespace sealkey::token {

namespace {

using protocol::Ins;
using protocol::OwnIns;
namespace sw = protocol::sw;

constexpr std::uint8_t ins(Ins value) { return static_cast<std::uint8_t>(value); }
constexpr std::uint8_t ins(OwnIns value) { return static_cast<std::uint8_t>(value); }

ByteVector tag_list(std::uint32_t tag) {
    std::array<std::uint8_t, 8> out{};
    std::array<std::uint8_t, 4> bytes{};
    store_be32(bytes.data(), tag);
    const std::size_t skip = tag > 0xFFFF ? 1 : tag > 0xFF ? 2 : 3;
    TlvWriter writer(out);
    writer.put(protocol::tag::tag_list, Bytes(bytes).subspan(skip));
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(writer.size())};
}

std::string action_on(const char* verb, std::uint32_t tag) {
    char text[48];
    std::snprintf(text, sizeof(text), "%s object %X", verb, tag);
    return text;
}

// A PIN as it travels: 8 bytes, padded with FF.
void pad(ByteView secret, MutableBytes out, const char* what) {
    if (secret.size() < protocol::kMinPin || secret.size() > protocol::kPinSize) {
        throw TokenError(Kind::bad_argument, std::string(what) + " has 6 to 8 characters");
    }
    std::fill(out.begin(), out.end(), 0xFF);
    std::copy(secret.begin(), secret.end(), out.begin());
}

}  // namespace

// --- session ---

bool Token::begin() {
    bool lost = false;
    for (int attempt = 0;; ++attempt) {
        try {
            connection_->begin_transaction();
            return lost;
        } catch (const transport::TransportError& error) {
            if (error.failure() != transport::Failure::card_reset || attempt == 3) throw;
            lost = true;
            session_lost();
        }
    }
}

Token::Transaction::Transaction(Token& token) : token_(token) {
    token_.begin();
    ++token_.depth_;
}

Token::Transaction::~Transaction() {
    --token_.depth_;
    token_.connection_->end_transaction();
}

void Token::session_lost() {
    selected_ = false;
    select_by_name_ = false;
    channel_.reset();
    ++sessions_lost_;
}

void Token::select_later() {
    selected_ = false;
    select_by_name_ = true;
}

void Token::ensure_selected() {
    if (selected_) return;
    channel_.reset();  // selecting ends it on the token
    // The ATR says what SELECT would: our card, whose one application is selected from the start.
    if (!select_by_name_ && std::ranges::equal(connection_->atr(), protocol::kAtr)) {
        selected_ = true;
        return;
    }
    const Answer answer = exchange(
        *connection_,
        {.cla = 0, .ins = ins(Ins::select), .p1 = 0x04, .p2 = 0x00, .data = protocol::kPivAid, .expects_data = true});
    if (!answer.ok()) {
        throw TokenError(Kind::not_a_sealkey, "the card has no PIV application", answer.status_word);
    }
    selected_ = true;
    select_by_name_ = false;
}

Answer Token::run(const Command& command, Repeat repeat) {
    for (int attempt = 0;; ++attempt) {
        begin();
        struct End {
            transport::Connection& connection;
            ~End() { connection.end_transaction(); }
        } end{*connection_};
        try {
            ensure_selected();
            Answer answer = exchange_once(command);
            // Another program may have selected another application.
            if (answer.status_word == sw::cla_not_supported) select_later();
            return answer;
        } catch (const transport::TransportError& error) {
            if (error.failure() != transport::Failure::card_reset) throw;
            session_lost();
            const bool in_channel = command.secure && channel_wanted_;
            if (repeat == Repeat::no || depth_ > 0 || attempt == 2 || in_channel) throw;
        }
    }
}

Answer Token::run_ok(const std::string& action, const Command& command, Repeat repeat, Kind wrong_secret) {
    Answer answer = run(command, repeat);
    if (!answer.ok()) throw_status(action, answer.status_word, wrong_secret);
    return answer;
}

Answer Token::send(const Command& command) { return run(command, Repeat::no); }

void Token::select() {
    begin();
    struct End {
        transport::Connection& connection;
        ~End() { connection.end_transaction(); }
    } end{*connection_};
    select_later();
    ensure_selected();
}

std::optional<TokenStatus> Token::recognise() {
    try {
        return token_status();
    } catch (const TokenError&) {
        return std::nullopt;
    }
}

// --- reading ---

TokenStatus Token::token_status() {
    const Answer answer =
        run({.cla = protocol::kClaOwn, .ins = ins(OwnIns::token_status), .expects_data = true}, Repeat::yes);
    const Kind kind = kind_of(answer.status_word);
    if (!answer.ok() && (kind == Kind::unsupported || kind == Kind::bad_data)) {
        throw TokenError(Kind::not_a_sealkey, "the card doesn't know the token status", answer.status_word);
    }
    if (!answer.ok()) throw_status("TOKEN STATUS", answer.status_word);
    return parse_status(answer.data);
}

ByteVector Token::read_object(std::uint32_t tag) {
    const ByteVector list = tag_list(tag);
    const std::string action = action_on("reading", tag);
    const Answer answer = run_ok(
        action, {.cla = 0, .ins = ins(Ins::get_data), .p1 = 0x3F, .p2 = 0xFF, .data = list, .expects_data = true});
    const std::uint32_t wrapper = tag == protocol::object::discovery ? tag : protocol::tag::data;
    TlvReader reader(answer.data);
    const auto item = reader.next();
    if (!item || item->tag != wrapper || !reader.at_end()) {
        throw TokenError(Kind::malformed_answer, action + ": the answer breaks its format");
    }
    if (item->value.empty()) throw TokenError(Kind::not_found, action + ": empty");
    return {item->value.begin(), item->value.end()};
}

std::optional<ByteVector> Token::find_object(std::uint32_t tag) {
    try {
        return read_object(tag);
    } catch (const TokenError& error) {
        if (error.kind() == Kind::not_found) return std::nullopt;
        throw;
    }
}

ByteVector Token::read_part(std::uint32_t tag, std::uint32_t offset, std::uint16_t length) {
    std::array<std::uint8_t, 9> data{static_cast<std::uint8_t>(tag >> 16), static_cast<std::uint8_t>(tag >> 8),
                                     static_cast<std::uint8_t>(tag)};
    store_be32(&data[3], offset);
    store_be16(&data[7], length);
    const std::string action = action_on("reading a part of", tag);
    Answer answer = run_ok(action, {.cla = protocol::kClaOwn,
                                    .ins = ins(OwnIns::read_part),
                                    .p1 = 0,
                                    .p2 = 0,
                                    .data = data,
                                    .expects_data = true});
    if (answer.data.size() > length) throw TokenError(Kind::malformed_answer, action + ": more than was asked");
    return std::move(answer.data);
}

ByteVector Token::read_in_parts(std::uint32_t tag, std::uint32_t length, const Progress& progress) {
    constexpr std::uint16_t kPart = 2048;
    ByteVector out;
    out.reserve(length);
    while (out.size() < length) {
        const auto want = static_cast<std::uint16_t>(std::min<std::size_t>(kPart, length - out.size()));
        const auto part = read_part(tag, static_cast<std::uint32_t>(out.size()), want);
        if (part.empty()) throw TokenError(Kind::malformed_answer, action_on("reading", tag) + ": ends too early");
        out.insert(out.end(), part.begin(), part.end());
        if (progress) progress(out.size(), length);
    }
    return out;
}

ByteVector Token::read_certificate(std::uint8_t slot) {
    return certificate_of_object(read_object(certificate_tag(slot)));
}

std::optional<LockStatement> Token::lock_statement() {
    const auto data = find_object(protocol::object::lock_statement);
    if (!data) return std::nullopt;
    return parse_lock_statement(*data);
}

std::uint32_t Token::vendor_serial() {
    const Answer answer =
        run_ok("reading the numeric serial", {.cla = 0, .ins = ins(Ins::get_serial), .expects_data = true});
    if (answer.data.size() != 4) throw TokenError(Kind::malformed_answer, "the numeric serial has 4 bytes");
    return load_be32(answer.data.data());
}

std::array<std::uint8_t, 3> Token::vendor_version() {
    const Answer answer = run_ok("reading the version", {.cla = 0, .ins = ins(Ins::get_version), .expects_data = true});
    if (answer.data.size() != 3) throw TokenError(Kind::malformed_answer, "the version has 3 bytes");
    return {answer.data[0], answer.data[1], answer.data[2]};
}

// --- PIN ---

void Token::verify(ByteView pin) {
    Secret<protocol::kPinSize> data;
    data.resize(protocol::kPinSize);
    pad(pin, data.buffer(), "a PIN");
    run_ok("VERIFY",
           {.cla = 0, .ins = ins(Ins::verify), .p1 = 0, .p2 = protocol::ref::pin, .data = data.bytes(), .secure = true},
           Repeat::no, Kind::wrong_pin);
}

Token::PinPresence Token::pin_presence() {
    const Answer answer = run({.cla = 0, .ins = ins(Ins::verify), .p1 = 0, .p2 = protocol::ref::pin}, Repeat::yes);
    PinPresence presence;
    if (answer.ok()) {
        presence.verified = true;
    } else if (answer.status_word == sw::authentication_blocked) {
        presence.blocked = true;
        presence.tries_left = 0;
    } else if ((answer.status_word & 0xFFF0) == sw::verify_failed) {
        presence.tries_left = answer.status_word & 0x0F;
    } else {
        throw_status("VERIFY", answer.status_word);
    }
    return presence;
}

void Token::logout() {
    run_ok("logging out", {.cla = 0, .ins = ins(Ins::verify), .p1 = 0xFF, .p2 = protocol::ref::pin});
}

void Token::present(const std::string& action, std::uint8_t instruction, std::uint8_t reference, ByteView first,
                    ByteView second, Kind wrong_secret) {
    Secret<2 * protocol::kPinSize> data;
    data.resize(2 * protocol::kPinSize);
    pad(first, data.buffer().first(protocol::kPinSize), "a PIN or PUK");
    pad(second, data.buffer().subspan(protocol::kPinSize), "a PIN or PUK");
    run_ok(action, {.cla = 0, .ins = instruction, .p1 = 0, .p2 = reference, .data = data.bytes(), .secure = true},
           Repeat::no, wrong_secret);
}

void Token::change_pin(ByteView old_pin, ByteView new_pin) {
    present("changing the PIN", ins(Ins::change_reference_data), protocol::ref::pin, old_pin, new_pin, Kind::wrong_pin);
}

void Token::change_puk(ByteView old_puk, ByteView new_puk) {
    present("changing the PUK", ins(Ins::change_reference_data), protocol::ref::puk, old_puk, new_puk, Kind::wrong_puk);
}

void Token::unblock(ByteView puk, ByteView new_pin) {
    present("unlocking by PUK", ins(Ins::reset_retry_counter), protocol::ref::pin, puk, new_pin, Kind::wrong_puk);
}

ResetProof Token::redeem_code(const CodeDigits& code, ByteView new_pin) {
    if (code.size() != protocol::kCodeDigits) throw TokenError(Kind::bad_argument, "a code has 15 digits");
    Secret<protocol::kCodeDigits + protocol::kPinSize> data;
    data.resize(data.capacity());
    std::copy(code.bytes().begin(), code.bytes().end(), data.buffer().begin());
    pad(new_pin, data.buffer().subspan(protocol::kCodeDigits), "a PIN");
    const Answer answer = run_ok("redeeming a code",
                                 {.cla = protocol::kClaOwn,
                                  .ins = ins(OwnIns::redeem_code),
                                  .p1 = 0,
                                  .p2 = protocol::ref::pin,
                                  .data = data.bytes(),
                                  .expects_data = true,
                                  .secure = true},
                                 Repeat::no, Kind::wrong_code);
    ResetProof proof{};
    if (answer.data.size() != proof.size()) {
        throw TokenError(Kind::malformed_answer, "the key took the code, but its proof has a wrong length");
    }
    std::copy(answer.data.begin(), answer.data.end(), proof.begin());
    return proof;
}

}  // namespace sealkey::token

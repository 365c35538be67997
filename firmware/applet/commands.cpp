#include "applet/commands.h"

#include <iterator>

#include "base/tlv.h"
#include "protocol/attestation.h"
#include "protocol/piv.h"
#include "protocol/scp03.h"

namespace sealkey::applet {

namespace {

using iso7816::Command;
using iso7816::Header;
using protocol::Ins;
using protocol::OwnIns;
namespace ref = protocol::ref;
namespace tag = protocol::tag;

using Parsed = Result<AnyCommand, StatusWord>;

constexpr std::size_t kPin = protocol::kPinSize;
constexpr std::uint8_t kLogOut = 0xFF;
constexpr std::uint16_t kWholeFile = 0x3FFF;  // P1 P2 of GET DATA and PUT DATA
constexpr std::uint8_t kMoveToNowhere = 0xFF;

// A policy byte inside a list of data objects: absent means "standard".
template <class Policy>
bool read_policy(Bytes list, std::uint32_t policy_tag, Policy& out) {
    const auto value = find_tlv(list, policy_tag);
    if (!value) return true;
    if (value->size() != 1 || (*value)[0] > 3) return false;
    out = static_cast<Policy>((*value)[0]);
    return true;
}

// True when the list is well-formed to its end: find_tlv() alone stops at what it looks for.
bool well_formed(Bytes list) {
    TlvReader reader(list);
    while (!reader.at_end()) {
        if (!reader.next()) return false;
    }
    return true;
}

std::optional<std::uint32_t> read_tag(Bytes value) {
    if (value.empty() || value.size() > 3) return std::nullopt;
    std::uint32_t out = 0;
    for (const std::uint8_t byte : value) out = out << 8 | byte;
    return out;
}

Parsed parse_get_data(const Command& c) {
    if (c.header.p1p2() != kWholeFile) return sw::wrong_p1p2;
    TlvReader reader(c.data);
    const auto list = reader.next();
    if (!list || list->tag != tag::tag_list || !reader.at_end()) return sw::wrong_data;
    const auto wanted = read_tag(list->value);
    if (!wanted) return sw::wrong_data;
    return AnyCommand(GetData{*wanted});
}

Parsed parse_verify(const Command& c) {
    if (c.header.p2 != ref::pin) return sw::reference_not_found;
    if (c.header.p1 == kLogOut) {
        if (!c.data.empty()) return sw::wrong_length;
        return AnyCommand(Verify{Verify::Action::log_out, {}});
    }
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    if (c.data.empty()) return AnyCommand(Verify{Verify::Action::ask, {}});
    if (c.data.size() != kPin) return sw::wrong_length;
    return AnyCommand(Verify{Verify::Action::present, c.data});
}

Parsed parse_change_reference(const Command& c) {
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    if (c.header.p2 != ref::pin && c.header.p2 != ref::puk) return sw::reference_not_found;
    if (c.data.size() != 2 * kPin) return sw::wrong_length;
    return AnyCommand(ChangeReference{c.header.p2, c.data.first(kPin), c.data.subspan(kPin)});
}

Parsed parse_reset_retry(const Command& c) {
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    if (c.header.p2 != ref::pin) return sw::reference_not_found;
    if (c.data.size() != 2 * kPin) return sw::wrong_length;
    return AnyCommand(ResetRetryCounter{c.data.first(kPin), c.data.subspan(kPin)});
}

Parsed parse_generate(const Command& c) {
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    if (!slot_index(c.header.p2)) return sw::reference_not_found;
    TlvReader reader(c.data);
    const auto control = reader.next();
    if (!control || control->tag != tag::generate_template || !reader.at_end() || !well_formed(control->value)) {
        return sw::wrong_data;
    }
    const auto algorithm = find_tlv(control->value, tag::generate_algorithm);
    if (!algorithm || algorithm->size() != 1) return sw::wrong_data;
    GenerateKey out{c.header.p2, static_cast<Algorithm>((*algorithm)[0]), PinPolicy::standard, TouchPolicy::standard};
    if (!is_key_algorithm(out.algorithm)) return sw::wrong_data;
    if (!read_policy(control->value, tag::pin_policy, out.pin_policy)) return sw::wrong_data;
    if (!read_policy(control->value, tag::touch_policy, out.touch_policy)) return sw::wrong_data;
    return AnyCommand(out);
}

// 00 is "the default" (SP 800-78-4 table 6-2 means 3DES by it): here the key's own algorithm, whichever that is. OpenSC
// asks so for random numbers.
bool is_management_algorithm(Algorithm algorithm) {
    return algorithm == Algorithm::none || management_key_size(algorithm) != 0;
}

Parsed parse_authenticate_management(const Command& c, Bytes list) {
    AuthenticateManagement out{static_cast<Algorithm>(c.header.p1), {}, {}, {}};
    if (!is_management_algorithm(out.algorithm)) return sw::wrong_p1p2;
    out.witness = find_tlv(list, tag::witness);
    out.challenge = find_tlv(list, tag::challenge);
    out.response = find_tlv(list, tag::response);
    return AnyCommand(out);
}

Parsed parse_general_authenticate(const Command& c) {
    TlvReader reader(c.data);
    const auto outer = reader.next();
    if (!outer || outer->tag != tag::dynamic_authentication || !reader.at_end() || !well_formed(outer->value)) {
        return sw::wrong_data;
    }
    const Bytes list = outer->value;
    if (c.header.p2 == ref::management) return parse_authenticate_management(c, list);
    if (!slot_index(c.header.p2)) return sw::reference_not_found;
    const Algorithm algorithm = static_cast<Algorithm>(c.header.p1);
    if (!is_key_algorithm(algorithm)) return sw::wrong_p1p2;
    // 82, empty, asks for the result; some clients leave it out.
    const auto response = find_tlv(list, tag::response);
    const auto challenge = find_tlv(list, tag::challenge);
    const auto point = find_tlv(list, tag::exponentiation);
    if ((response && !response->empty()) || challenge.has_value() == point.has_value()) return sw::wrong_data;
    const Bytes input = challenge ? *challenge : *point;
    if (input.empty()) return sw::wrong_data;
    return AnyCommand(UseKey{c.header.p2, algorithm, point.has_value(), input});
}

Parsed parse_import(const Command& c) {
    if (!slot_index(c.header.p2)) return sw::reference_not_found;
    ImportKey out{};
    out.slot = c.header.p2;
    out.algorithm = static_cast<Algorithm>(c.header.p1);
    if (!is_key_algorithm(out.algorithm)) return sw::wrong_p1p2;
    if (!well_formed(c.data)) return sw::wrong_data;
    if (!read_policy(c.data, tag::pin_policy, out.pin_policy)) return sw::wrong_data;
    if (!read_policy(c.data, tag::touch_policy, out.touch_policy)) return sw::wrong_data;
    const auto part = [&](std::uint32_t which) { return find_tlv(c.data, which).value_or(Bytes{}); };
    out.p = part(tag::import_p);
    out.q = part(tag::import_q);
    out.dp = part(tag::import_dp);
    out.dq = part(tag::import_dq);
    out.qinv = part(tag::import_qinv);
    out.scalar = part(tag::import_ec);
    return AnyCommand(out);
}

Parsed parse_move(const Command& c) {
    if (!c.data.empty()) return sw::wrong_length;
    if (!slot_index(c.header.p2)) return sw::reference_not_found;
    if (c.header.p1 != kMoveToNowhere && !slot_index(c.header.p1)) return sw::reference_not_found;
    return AnyCommand(MoveKey{c.header.p2, c.header.p1});
}

Parsed parse_metadata(const Command& c) {
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    const std::uint8_t reference = c.header.p2;
    const bool known =
        reference == ref::pin || reference == ref::puk || reference == ref::management || slot_index(reference);
    if (!known) return sw::reference_not_found;
    return AnyCommand(GetMetadata{reference});
}

// P1 P2 = FF FF, or FF FE when a touch is wanted for 9B, which there isn't.
Parsed parse_set_management_key(const Command& c) {
    if (c.header.p1p2() == 0xFFFE) return sw::function_not_supported;
    if (c.header.p1p2() != 0xFFFF) return sw::wrong_p1p2;
    if (c.data.size() < 3) return sw::wrong_length;
    const Algorithm algorithm = static_cast<Algorithm>(c.data[0]);
    if (c.data[1] != ref::management || management_key_size(algorithm) == 0) return sw::wrong_data;
    const Bytes key = c.data.subspan(3);
    if (c.data[2] != key.size() || key.size() != management_key_size(algorithm)) return sw::wrong_length;
    return AnyCommand(SetManagementKey{algorithm, key});
}

template <class T>
Parsed parse_bare(const Command& c, T command) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (!c.data.empty()) return sw::wrong_length;
    return AnyCommand(command);
}

Parsed parse_read_part(const Command& c) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (c.data.size() != 9) return sw::wrong_length;
    const std::uint32_t wanted = std::uint32_t{c.data[0]} << 16 | load_be16(&c.data[1]);
    return AnyCommand(ReadPart{wanted, load_be32(&c.data[3]), load_be16(&c.data[7])});
}

Parsed parse_write_part(const Command& c) {
    constexpr std::size_t head = 11;
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (c.data.size() < head) return sw::wrong_length;
    const std::uint32_t wanted = std::uint32_t{c.data[0]} << 16 | load_be16(&c.data[1]);
    return AnyCommand(WritePart{wanted, load_be32(&c.data[3]), load_be32(&c.data[7]), c.data.subspan(head)});
}

Parsed parse_initialize_update(const Command& c) {
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kChallengeSize) return sw::wrong_length;
    return AnyCommand(InitializeUpdate{c.header.p1, c.data});
}

Parsed parse_external_authenticate(const Command& c) { return AnyCommand(ExternalAuthenticate{c.header, c.data}); }

Parsed parse_put_key(const Command& c) {
    constexpr std::uint8_t all_keys = 0x81;
    if (c.header.p2 != all_keys) return sw::wrong_p1p2;
    if (c.data.empty()) return sw::wrong_length;
    if (c.data[0] == 0 || c.data[0] > protocol::kLastKvn) return sw::wrong_data;
    return AnyCommand(PutKey{c.header.p1, c.data[0], c.data.subspan(1)});
}

Parsed parse_redeem(const Command& c) {
    if (c.header.p1 != 0 || c.header.p2 != ref::pin) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kCodeDigits + kPin) return sw::wrong_length;
    return AnyCommand(RedeemCode{c.data.first(protocol::kCodeDigits), c.data.subspan(protocol::kCodeDigits)});
}

Parsed parse_initialise(const Command& c) {
    namespace st = protocol::status_tag;
    namespace birth = protocol::birth_tag;
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (!well_formed(c.data)) return sw::wrong_data;
    const auto value = [&](std::uint32_t which) { return find_tlv(c.data, which).value_or(Bytes{}); };
    const Bytes profile = value(st::profile);
    const Bytes number = value(st::numeric_serial);
    const Bytes kvn = value(birth::kvn);
    const Bytes management = value(birth::management_key);
    Initialise out{};
    out.serial = value(st::serial);
    out.guid = value(birth::guid);
    out.kdd = value(birth::kdd);
    out.unlock_key = value(birth::unlock_key);
    if (out.serial.size() != protocol::kSerialSize || profile.size() != 1 || number.size() != 4) return sw::wrong_data;
    for (const std::uint8_t letter : out.serial) {
        const bool good = (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z');
        if (!good) return sw::wrong_data;
    }
    out.profile = static_cast<Profile>(profile[0]);
    out.numeric_serial = load_be32(number.data());
    if (out.guid.size() != 16 || out.numeric_serial >> 31 != 0 || kvn.size() > 1) return sw::wrong_data;
    if (!kvn.empty()) out.kvn = kvn[0];
    if (!out.kdd.empty() && out.kdd.size() != protocol::kKddSize) return sw::wrong_data;
    if (!out.unlock_key.empty() && out.unlock_key.size() != 32) return sw::wrong_data;
    if (!management.empty()) {
        out.management_algorithm = static_cast<Algorithm>(management[0]);
        out.management_key = management.subspan(1);
        const std::size_t size = management_key_size(out.management_algorithm);
        if (size == 0 || out.management_key.size() != size) return sw::wrong_data;
    }
    if (out.profile == Profile::shipping) {
        const bool complete = kvn.size() == 1 && !out.kdd.empty() && !out.unlock_key.empty() &&
                              out.management_algorithm == Algorithm::aes256;
        if (!complete) return sw::wrong_data;
    } else if (out.profile != Profile::compatibility) {
        return sw::wrong_data;
    }
    return AnyCommand(out);
}

Parsed parse_set_bench_pin(const Command& c) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (c.data.size() != kPin) return sw::wrong_length;
    return AnyCommand(SetBenchPin{c.data});
}

Parsed parse_set_lifecycle(const Command& c) {
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (!c.data.empty()) return sw::wrong_length;
    const Lifecycle target = static_cast<Lifecycle>(c.header.p1);
    if (target != Lifecycle::secured && target != Lifecycle::terminated) return sw::wrong_p1p2;
    return AnyCommand(SetLifecycle{target});
}

// F9 speaks about other keys, never about itself: its certificate does that.
Parsed parse_attest(const Command& c) {
    if (!slot_index(c.header.p1) || c.header.p1 == ref::attestation) return sw::reference_not_found;
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.header.cla != protocol::kClaOwn) return AnyCommand(Attest{c.header.p1, {}});
    if (c.data.size() != protocol::kNonceSize) return sw::wrong_length;
    return AnyCommand(Attest{c.header.p1, c.data});
}

Parsed parse_set_retries(const Command& c) {
    if (!c.data.empty()) return sw::wrong_length;
    if (c.header.p1 == 0 || c.header.p2 == 0) return sw::wrong_p1p2;
    return AnyCommand(SetRetries{c.header.p1, c.header.p2});
}

struct Row {
    std::uint8_t cla;
    std::uint8_t ins;
    Parsed (*parse)(const Command&);
};

constexpr Row piv(Ins ins, Parsed (*function)(const Command&)) {
    return {0x00, static_cast<std::uint8_t>(ins), function};
}
constexpr Row own(OwnIns ins, Parsed (*function)(const Command&)) {
    return {protocol::kClaOwn, static_cast<std::uint8_t>(ins), function};
}

constexpr Row channel(std::uint8_t cla, protocol::ChannelIns ins, Parsed (*function)(const Command&)) {
    return {cla, static_cast<std::uint8_t>(ins), function};
}

// SELECT and GET RESPONSE belong to the dispatcher, PUT DATA to data_objects.h.
constexpr Row kCommands[] = {
    piv(Ins::verify, parse_verify),
    piv(Ins::change_reference_data, parse_change_reference),
    piv(Ins::reset_retry_counter, parse_reset_retry),
    piv(Ins::generate_key_pair, parse_generate),
    piv(Ins::general_authenticate, parse_general_authenticate),
    piv(Ins::get_data, parse_get_data),
    piv(Ins::move_key, parse_move),
    piv(Ins::get_metadata, parse_metadata),
    piv(Ins::get_serial, [](const Command& c) { return parse_bare(c, GetSerial{}); }),
    piv(Ins::attest, parse_attest),
    piv(Ins::set_pin_retries, parse_set_retries),
    piv(Ins::reset, [](const Command& c) { return parse_bare(c, ResetApplet{}); }),
    piv(Ins::get_version, [](const Command& c) { return parse_bare(c, GetVersion{}); }),
    piv(Ins::import_key, parse_import),
    piv(Ins::set_management_key, parse_set_management_key),
    own(OwnIns::token_status, [](const Command& c) { return parse_bare(c, TokenStatus{}); }),
    own(OwnIns::read_part, parse_read_part),
    own(OwnIns::redeem_code, parse_redeem),
    own(OwnIns::initialise, parse_initialise),
    own(OwnIns::set_bench_pin, parse_set_bench_pin),
    own(OwnIns::set_lifecycle, parse_set_lifecycle),
    own(OwnIns::write_part, parse_write_part),
    channel(protocol::kClaOwn, protocol::ChannelIns::initialize_update, parse_initialize_update),
    channel(protocol::kClaSecureOwn, protocol::ChannelIns::external_authenticate, parse_external_authenticate),
    channel(protocol::kClaOwn, protocol::ChannelIns::put_key, parse_put_key),
    own(OwnIns::stage_begin, parse_renewal),
    own(OwnIns::stage_status, parse_renewal),
    own(OwnIns::stage_attest, parse_renewal),
    own(OwnIns::stage_csr, parse_renewal),
    own(OwnIns::stage_prove, parse_renewal),
    own(OwnIns::stage_key, parse_renewal),
    own(OwnIns::stage_cert, parse_renewal),
    own(OwnIns::stage_seal, parse_renewal),
    own(OwnIns::stage_record, parse_renewal),
    own(OwnIns::commit, parse_renewal),
    own(OwnIns::stage_abort, parse_renewal),
    own(OwnIns::retire_purge, parse_renewal),
    own(OwnIns::confirm_proof, parse_renewal),
    own(OwnIns::attest, parse_attest),
};

static_assert(std::size(kCommands) == kParsedCommands);

}  // namespace

CommandId parsed_command(std::size_t index) { return {kCommands[index].cla, kCommands[index].ins}; }

Result<AnyCommand, StatusWord> parse(const Command& command) {
    for (const Row& row : kCommands) {
        if (row.cla == command.header.cla && row.ins == command.header.ins) return row.parse(command);
    }
    return sw::ins_not_supported;
}

Result<PutDataHead, StatusWord> parse_put_data(const Header& header, Bytes first_block) {
    if (header.p1p2() != kWholeFile) return sw::wrong_p1p2;
    TlvReader reader(first_block);
    const auto list = reader.next();
    if (!list || list->tag != tag::tag_list) return sw::wrong_data;
    const auto wanted = read_tag(list->value);
    const auto value = reader.next_header();
    if (!wanted || !value || value->tag != tag::data) return sw::wrong_data;
    return PutDataHead{*wanted, static_cast<std::uint32_t>(value->length), first_block.size() - reader.rest().size()};
}

bool is_key_algorithm(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::rsa2048:
        case Algorithm::rsa3072:
        case Algorithm::rsa4096:
        case Algorithm::p256:
        case Algorithm::p384:
            return true;
        default:
            return false;
    }
}

std::size_t management_key_size(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::tdes:
            return 24;
        case Algorithm::aes128:
            return 16;
        case Algorithm::aes192:
            return 24;
        case Algorithm::aes256:
            return 32;
        default:
            return 0;
    }
}

}  // namespace sealkey::applet

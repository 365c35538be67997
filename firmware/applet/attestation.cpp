#include "applet/attestation.h"

#include <algorithm>
#include <array>

#include "applet/about.h"
#include "applet/access.h"
#include "applet/key_store.h"
#include "applet/spki.h"
#include "base/der.h"
#include "base/tlv.h"
#include "crypto/ec.h"
#include "crypto/hash.h"
#include "crypto/rsa.h"
#include "protocol/attestation.h"

namespace sealkey::applet {

namespace {

namespace attested = protocol::attested;
namespace ref = protocol::ref;
namespace tag = protocol::tag;

constexpr std::size_t kMaxName = 320;      // of F9's subject
constexpr std::size_t kMaxValidity = 36;   // two GeneralizedTimes
constexpr std::size_t kSerialNumber = 16;  // of an attestation, random

constexpr std::uint8_t kVersion3[] = {0xA0, 0x03, 0x02, 0x01, 0x02};
constexpr std::uint8_t kCommonName[] = {0x06, 0x03, 0x55, 0x04, 0x03};
// AlgorithmIdentifiers, whole: ecdsa-with-SHA256, sha256WithRSAEncryption.
constexpr std::uint8_t kEcdsaSha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr std::uint8_t kRsaSha256[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                       0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00};
// DigestInfo of SHA-256 before the digest (RFC 8017, 9.2).
constexpr std::uint8_t kSha256Info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

// Longest end of a certificate: the algorithm and F9's signature in a BIT STRING.
constexpr std::size_t kMaxSignature = crypto::kMaxRsaModulus;
constexpr std::size_t kMaxEnd = sizeof kRsaSha256 + 5 + kMaxSignature;

// What an attestation takes over from F9's certificate.
struct Issuer {
    std::array<std::uint8_t, kMaxName> name{};
    std::size_t name_size = 0;
    std::array<std::uint8_t, kMaxValidity> validity{};
    std::size_t validity_size = 0;
};

std::uint8_t byte(auto value) { return static_cast<std::uint8_t>(value); }

std::size_t attestation_slot() { return *slot_index(ref::attestation); }

// ---- F9's certificate ----

// The certificate in an object's value; nothing else may stand there than the standard's other two tags.
Result<Bytes> certificate_in(Bytes object_value) {
    TlvReader reader(object_value);
    const auto certificate = reader.next();
    if (!certificate || certificate->tag != tag::certificate) return Error::invalid;
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) return Error::invalid;
        const bool uncompressed = item->tag == tag::cert_info && item->value.size() == 1 && item->value[0] == 0;
        const bool unchecked = item->tag == tag::error_detection && item->value.empty();
        if (!uncompressed && !unchecked) return Error::invalid;
    }
    return certificate->value;
}

template <std::size_t N>
Status keep(Bytes from, std::array<std::uint8_t, N>& out, std::size_t& size) {
    if (from.size() > N) return Error::invalid;
    std::copy(from.begin(), from.end(), out.begin());
    size = from.size();
    return {};
}

// RFC 5280 4.1: the to-be-signed part up to the public key, which must be the one expected.
Status read_issuer(Bytes certificate, Algorithm algorithm, Bytes public_key, Issuer& out) {
    DerReader outer(certificate);
    const auto whole = outer.next(der::sequence);
    if (!whole || !outer.at_end()) return Error::invalid;
    const auto signed_part = DerReader(whole->contents).next(der::sequence);
    if (!signed_part) return Error::invalid;
    DerReader fields(signed_part->contents);
    const auto version = fields.next(der::context(0));
    if (!version || !equal(version->whole, kVersion3)) return Error::invalid;
    for (const std::uint8_t skipped : {der::integer, der::sequence, der::sequence}) {  // serial, algorithm, issuer
        if (!fields.next(skipped)) return Error::invalid;
    }
    const auto validity = fields.next(der::sequence);
    const auto subject = fields.next(der::sequence);
    const auto spki = fields.next(der::sequence);
    if (!validity || !subject || !spki || subject->contents.empty()) return Error::invalid;
    if (!is_spki_of(spki->whole, algorithm, public_key)) return Error::invalid;
    if (Status s = keep(validity->whole, out.validity, out.validity_size); !s) return s;
    return keep(subject->whole, out.name, out.name_size);
}

// F9's public key; not_found.
Result<std::size_t> read_attestation_key(const Core& core, MutableBytes out) {
    const Slot& slot = core.state.slots[attestation_slot()];
    if (slot.key == 0) return Error::not_found;
    return read_public_key(core, slot, out);
}

Status check_value(const Core& core, Bytes object_value, Issuer& out) {
    const auto certificate = certificate_in(object_value);
    if (!certificate) return certificate.error();
    std::array<std::uint8_t, kMaxPublicKey> public_key{};
    const auto size = read_attestation_key(core, public_key);
    if (!size) return size.error();
    const Algorithm algorithm = core.state.slots[attestation_slot()].algorithm;
    return read_issuer(*certificate, algorithm, Bytes(public_key).first(*size), out);
}

// The stored certificate of F9. The key buffer is the work space: nothing secret is in it yet.
Status load_issuer(Core& core, Issuer& out) {
    const ObjectId stored = *object_id(protocol::object::cert_attestation);
    const auto size = core.store.size(stored);
    if (!size) return size.error();
    core.key_buffer.clear();
    if (*size > KeyBuffer::capacity()) return Error::invalid;
    const MutableBytes value = core.key_buffer.buffer().first(*size);
    if (Status s = core.store.read(stored, 0, value); !s) return s;
    const Status done = check_value(core, value, out);
    core.key_buffer.clear();
    return done;
}

// ---- the part that is signed ----

// One extension in front of the others: SEQUENCE { arc.number, OCTET STRING { contents } }.
template <std::size_t N>
void put_extension(DerWriter& writer, const std::array<std::uint8_t, N>& arc, std::uint8_t number, Bytes contents) {
    const std::size_t before = writer.size();
    writer.put(der::octet_string, contents);
    const std::size_t name = writer.size();
    writer.raw({&number, 1}).raw(arc).wrap(der::object_identifier, name).wrap(der::sequence, before);
}

void put_known(DerWriter& writer, attested::Known which, Bytes contents) {
    put_extension(writer, attested::kKnownArcDer, byte(which), contents);
}

// Of our own extensions, whose contents are DER.
void put_own(DerWriter& writer, attested::Own which, std::uint8_t der_tag, Bytes value) {
    std::array<std::uint8_t, 48> contents{};
    DerWriter inner(contents);
    if (der_tag == der::integer) {
        inner.unsigned_integer(value);
    } else {
        inner.put(der_tag, value);
    }
    put_extension(writer, attested::kOwnArcDer, byte(which), inner.bytes());
}

void put_extensions(const Core& core, const Statement& statement, DerWriter& writer) {
    using attested::Known;
    using attested::Own;
    const Config& config = core.state.config;
    const std::size_t before = writer.size();
    const std::uint8_t profile = byte(config.profile);
    const std::uint8_t origin = byte(statement.origin);
    std::array<std::uint8_t, 4> number{};
    put_own(writer, Own::profile, der::enumerated, {&profile, 1});
    put_own(writer, Own::origin, der::enumerated, {&origin, 1});
    store_be32(number.data(), statement.generation);
    put_own(writer, Own::generation, der::integer, number);
    if (!statement.rid.empty()) put_own(writer, Own::rid, der::octet_string, statement.rid);
    put_own(writer, Own::role, der::octet_string, {&statement.role, 1});
    if (!statement.nonce.empty()) put_own(writer, Own::nonce, der::octet_string, statement.nonce);
    put_own(writer, Own::serial, der::printable_string, config.serial);

    constexpr std::uint8_t form_factor = 0;
    put_known(writer, Known::form_factor, {&form_factor, 1});
    const std::uint8_t policies[] = {byte(statement.pin_policy), byte(statement.touch_policy)};
    put_known(writer, Known::policies, policies);
    store_be32(number.data(), config.numeric_serial);
    std::array<std::uint8_t, 8> contents{};
    DerWriter inner(contents);
    put_known(writer, Known::serial, inner.unsigned_integer(number).bytes());
    put_known(writer, Known::firmware, kFirmwareVersion);
    writer.wrap(der::sequence, before).wrap(der::context(3), before);
}

// Name with one attribute: CN "sealkey attestation 9a".
void put_subject(const Statement& statement, DerWriter& writer) {
    constexpr char digits[] = "0123456789abcdef";
    const std::uint8_t slot[] = {byte(digits[statement.role >> 4]), byte(digits[statement.role & 0x0F])};
    const std::size_t before = writer.size();
    writer.raw(slot).raw(bytes_of(protocol::kAttestationName)).wrap(der::utf8_string, before);
    writer.raw(kCommonName).wrap(der::sequence, before).wrap(der::set, before).wrap(der::sequence, before);
}

// TBSCertificate, to the end of `out`.
Result<Bytes> write_signed_part(Core& core, const Statement& statement, const Issuer& issuer, Bytes algorithm,
                                MutableBytes out) {
    std::array<std::uint8_t, kSerialNumber> number{};
    if (Status s = core.drbg.fill(number); !s) return s.error();
    number[0] = byte((number[0] & 0x3F) | 0x40);  // positive, and always as long
    DerWriter writer(out);
    put_extensions(core, statement, writer);
    if (Status s = put_spki(writer, statement.algorithm, statement.public_key); !s) return s.error();
    put_subject(statement, writer);
    writer.raw(Bytes(issuer.validity).first(issuer.validity_size)).raw(Bytes(issuer.name).first(issuer.name_size));
    writer.raw(algorithm).unsigned_integer(number).raw(kVersion3).wrap(der::sequence, 0);
    if (!writer.ok()) return Error::too_large;
    return writer.bytes();
}

// ---- the signature ----

// EMSA-PKCS1-v1_5 (RFC 8017, 9.2), then the private operation, in place.
Result<std::size_t> sign_rsa(Core& core, const crypto::Sha256Digest& digest, MutableBytes out) {
    crypto::RsaPrivateKey key;
    if (!key.load(core.key_buffer.bytes())) return Error::corrupt;
    core.key_buffer.clear();
    const MutableBytes block = out.first(key.modulus_size());
    const std::size_t info = block.size() - digest.size() - sizeof kSha256Info;
    std::fill(block.begin(), block.end(), std::uint8_t{0xFF});
    block[0] = 0x00;
    block[1] = 0x01;
    block[info - 1] = 0x00;
    std::copy(std::begin(kSha256Info), std::end(kSha256Info), &block[info]);
    std::copy(digest.begin(), digest.end(), &block[info + sizeof kSha256Info]);
    if (Status s = key.private_operation(core.drbg, block, block); !s) return s.error();
    return block.size();
}

Result<std::size_t> sign_ec(Core& core, const crypto::Sha256Digest& digest, MutableBytes out) {
    crypto::EcPrivateKey key;
    if (!key.load(core.key_buffer.bytes())) return Error::corrupt;
    core.key_buffer.clear();
    return key.sign(core.drbg, digest, out);
}

// By F9. Nothing else in the token signs with it, and this only what was written above.
Result<std::size_t> sign(Core& core, const crypto::Sha256Digest& digest, MutableBytes out) {
    const Slot& slot = core.state.slots[attestation_slot()];
    Result<std::size_t> size = Error::corrupt;
    if (const Status loaded = load_private_key(core, slot, false); !loaded) {
        size = loaded.error();
    } else if (rsa_bits(slot.algorithm) != 0) {
        size = sign_rsa(core, digest, out);
    } else {
        size = sign_ec(core, digest, out);
    }
    core.key_buffer.clear();
    return size;
}

// Certificate ::= SEQUENCE { signed part, algorithm, signature }, at the front of `out`. The signed part lies at its
// end until then.
Result<std::size_t> finish(Core& core, Bytes signed_part, Bytes algorithm, MutableBytes out) {
    std::array<std::uint8_t, kMaxSignature> signature{};
    const auto size = sign(core, crypto::sha256(signed_part), signature);
    if (!size) return size.error();
    std::array<std::uint8_t, kMaxEnd> buffer{};
    DerWriter end(buffer);
    end.bit_string(Bytes(signature).first(*size)).raw(algorithm);
    const std::size_t contents = signed_part.size() + end.size();
    const std::size_t head = TlvWriter::header_size(der::sequence, contents);
    if (!end.ok() || head + contents > out.size()) return Error::too_large;
    std::memmove(&out[head], signed_part.data(), signed_part.size());
    TlvWriter(out).header(der::sequence, contents);
    std::copy(end.bytes().begin(), end.bytes().end(), &out[head + signed_part.size()]);
    return head + contents;
}

}  // namespace

StatusWord check_device_certificate(const Core& core, Bytes object_value) {
    Issuer issuer;
    const Status done = check_value(core, object_value, issuer);
    if (!done && done.error() == Error::not_found) return sw::conditions_not_satisfied;
    return status_word(done);
}

StatusWord answer_attestation(Core& core, const Statement& statement, iso7816::Response& response) {
    Issuer issuer;
    // No F9, none of its certificates, or one that a client of the compatibility profile wrote for something else.
    const Status loaded = load_issuer(core, issuer);
    const bool lacking = !loaded && (loaded.error() == Error::not_found || loaded.error() == Error::invalid);
    if (lacking) return sw::conditions_not_satisfied;
    if (!loaded) return status_word(loaded);
    const bool rsa = rsa_bits(core.state.slots[attestation_slot()].algorithm) != 0;
    const Bytes algorithm = rsa ? Bytes(kRsaSha256) : Bytes(kEcdsaSha256);
    const MutableBytes out = response.head_buffer();
    const auto signed_part = write_signed_part(core, statement, issuer, algorithm, out);
    if (!signed_part) return status_word(signed_part.error());
    const auto size = finish(core, *signed_part, algorithm, out);
    if (!size) return status_word(size.error());
    response.set_head_size(*size);
    return sw::ok;
}

StatusWord run_attest(Core& core, const Attest& command, iso7816::Response& response) {
    if (const StatusWord status = check_access(core, Right::attest, command.slot); status != sw::ok) return status;
    const Slot& slot = core.state.slots[*slot_index(command.slot)];
    if (slot.key == 0) return sw::reference_not_found;
    // A key that was moved was made for another slot, under that slot's rules. A brought one is no secret of the token
    // alone; that it was brought can be said of a decryption key, to who asks with a nonce.
    const bool made_here = slot.origin == Origin::generated && !slot.moved;
    const bool brought =
        slot.origin == Origin::imported && command.slot == ref::key_management && !command.nonce.empty();
    if (!made_here && !(brought && !slot.moved)) return sw::conditions_not_satisfied;
    std::array<std::uint8_t, kMaxPublicKey> public_key{};
    const auto size = read_public_key(core, slot, public_key);
    if (!size) return status_word(size.error());
    const Statement statement{command.slot,
                              slot.algorithm,
                              slot.pin_policy,
                              slot.touch_policy,
                              slot.origin,
                              Bytes(public_key).first(*size),
                              command.nonce,
                              {},
                              core.state.renewal.generation};
    return answer_attestation(core, statement, response);
}

}  // namespace sealkey::applet

// The commands of renewal, and the bytes that both sides sign.
#include <algorithm>

#include "base/tlv.h"
#include "protocol/limits.h"
#include "token/staging.h"

namespace sealkey::token {

namespace {

using protocol::OwnIns;
namespace st = protocol::staging_tag;
namespace mt = protocol::manifest_tag;
namespace bit = protocol::stage_bit;

// Of one command: leaves room for the head, and for what a secure channel adds.
constexpr std::size_t kPart = 3840;
static_assert(kPart + protocol::kStagePartHead + 64 <= protocol::kMaxCommandData);

[[noreturn]] void malformed() {
    throw TokenError(Kind::malformed_answer, "reading the renewal's status: the answer breaks its format");
}

Answer run(Token& token, const char* action, OwnIns ins, std::uint8_t p1, std::uint8_t p2, ByteView data,
           Way way = Way::plain) {
    Answer answer = token.send({.cla = protocol::kClaOwn,
                                .ins = static_cast<std::uint8_t>(ins),
                                .p1 = p1,
                                .p2 = p2,
                                .data = data,
                                .expects_data = true,
                                .secure = way == Way::channel});
    if (!answer.ok()) throw_status(action, answer.status_word);
    return answer;
}

ByteVector signature_of(Answer answer, const char* action) {
    if (answer.data.empty()) throw TokenError(Kind::malformed_answer, std::string(action) + ": no signature came");
    return std::move(answer.data);
}

void add(ByteVector& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void load(Token& token, const char* action, OwnIns ins, std::uint8_t p1, ByteView value, const Progress& progress) {
    if (value.empty()) throw TokenError(Kind::bad_argument, std::string(action) + ": there is nothing to load");
    for (std::size_t at = 0; at < value.size();) {
        const std::size_t n = std::min(kPart, value.size() - at);
        ByteVector data(protocol::kStagePartHead);
        store_be32(data.data(), static_cast<std::uint32_t>(value.size()));
        store_be32(data.data() + 4, static_cast<std::uint32_t>(at));
        add(data, value.subspan(at, n));
        run(token, action, ins, p1, 0, data);
        at += n;
        if (progress) progress(at, value.size());
    }
}

template <std::size_t N>
std::array<std::uint8_t, N> fixed(Bytes value) {
    if (value.size() != N) malformed();
    std::array<std::uint8_t, N> out{};
    std::copy(value.begin(), value.end(), out.begin());
    return out;
}

StagedRole parse_role(Bytes value) {
    const auto raw = fixed<protocol::kStagedRoleSize>(value);
    StagedRole role;
    role.reference = raw[0];
    role.algorithm = static_cast<protocol::Algorithm>(raw[1]);
    role.has_key = (raw[2] & bit::key) != 0;
    role.csr_signed = (raw[2] & bit::csr) != 0;
    role.has_certificate = (raw[2] & bit::certificate) != 0;
    role.proven = (raw[2] & bit::proven) != 0;
    role.certificate_length = load_be16(&raw[3]);
    std::copy_n(raw.begin() + 5, role.fingerprint.size(), role.fingerprint.begin());
    return role;
}

StagedObject parse_object(Bytes value) {
    const auto raw = fixed<protocol::kStagedObjectSize>(value);
    StagedObject object{load_be32(raw.data()), load_be32(&raw[4]), {}};
    if (object.loaded > object.total) malformed();
    std::copy_n(raw.begin() + 8, object.fingerprint.size(), object.fingerprint.begin());
    return object;
}

// Position of a key reference among the roles.
std::size_t role_index(std::uint8_t reference) {
    const auto found = std::find(protocol::kRoles.begin(), protocol::kRoles.end(), reference);
    if (found == protocol::kRoles.end()) {
        throw TokenError(Kind::bad_argument, "a renewal replaces the keys 9A, 9C and 9D, and no other");
    }
    return static_cast<std::size_t>(found - protocol::kRoles.begin());
}

}  // namespace

const StagedRole* StagingStatus::role(std::uint8_t reference) const {
    for (const StagedRole& role : staged) {
        if (role.reference == reference) return &role;
    }
    return nullptr;
}

StagingStatus parse_staging_status(Bytes data) {
    StagingStatus status;
    bool versioned = false;
    TlvReader reader(data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) malformed();
        const Bytes value = item->value;
        switch (item->tag) {
            case st::version:
                if (fixed<1>(value)[0] != 1) malformed();
                versioned = true;
                break;
            case st::rid:
                status.rid = fixed<protocol::kRidSize>(value);
                break;
            case st::roles:
                status.roles = fixed<1>(value)[0];
                break;
            case st::role:
                status.staged.push_back(parse_role(value));
                break;
            case st::seal:
                status.seal = parse_object(value);
                break;
            case st::record:
                status.record = parse_object(value);
                break;
            case st::issuer:
                status.issuer = parse_object(value);
                break;
            case st::committed:
                status.committed = fixed<protocol::kRidSize>(value);
                break;
            case st::generation:
                status.generation = load_be16(fixed<2>(value).data());
                break;
            case st::ready:
                status.ready = fixed<1>(value)[0] != 0;
                break;
            case st::free_slots:
                status.free_retired_slots = fixed<1>(value)[0];
                break;
            default:
                break;
        }
    }
    if (!versioned || status.rid.has_value() == status.staged.empty()) malformed();
    return status;
}

std::uint8_t role_bits(const std::vector<StageRole>& roles) {
    std::uint8_t bits = 0;
    for (const StageRole& role : roles) {
        const auto mask = static_cast<std::uint8_t>(1U << role_index(role.reference));
        if ((bits & mask) != 0) throw TokenError(Kind::bad_argument, "a renewal names a key once");
        bits = static_cast<std::uint8_t>(bits | mask);
    }
    if (bits == 0) throw TokenError(Kind::bad_argument, "a renewal replaces one key at least");
    return bits;
}

BeginAnswer stage_begin(Token& token, const Rid& rid, const std::vector<StageRole>& roles, bool enveloped) {
    const std::uint8_t bits = role_bits(roles);
    ByteVector data(rid.begin(), rid.end());
    data.push_back(static_cast<std::uint8_t>(enveloped ? bits | protocol::role_bit::enveloped : bits));
    for (const std::uint8_t reference : protocol::kRoles) {
        for (const StageRole& role : roles) {
            if (role.reference == reference) data.push_back(static_cast<std::uint8_t>(role.algorithm));
        }
    }
    const char* const action = "beginning a renewal";
    const Answer answer = run(token, action, OwnIns::stage_begin, 0, 0, data);
    if (answer.data.size() != 1) throw TokenError(Kind::malformed_answer, std::string(action) + ": one byte answers");
    if (answer.data[0] == protocol::kAlreadyCommitted) return {0, true};
    return {answer.data[0], false};
}

StagingStatus stage_status(Token& token, Way way) {
    return parse_staging_status(run(token, "reading the renewal's status", OwnIns::stage_status, 0, 0, {}, way).data);
}

PublicKey stage_public_key(Token& token, const StagedRole& role, Way way) {
    const char* const action = "reading the new public key";
    const Answer answer = run(token, action, OwnIns::stage_status, role.reference, 0, {}, way);
    const auto key = find_tlv(answer.data, protocol::tag::public_key);
    return parse_public_key(key.value_or(Bytes{}), role.algorithm, action);
}

ByteVector stage_attest(Token& token, std::uint8_t role, const StageNonce& nonce) {
    return run(token, "attesting a new key", OwnIns::stage_attest, role, 0, nonce).data;
}

void stage_key(Token& token, ByteView envelope) {
    run(token, "loading a decryption key", OwnIns::stage_key, protocol::ref::key_management, 0, envelope);
}

void bring_key(Token& token, const Rid& order, protocol::Algorithm algorithm, ByteView envelope) {
    ByteVector data;
    add(data, order);
    data.push_back(static_cast<std::uint8_t>(algorithm));
    add(data, envelope);
    const Answer answer = token.send({.cla = protocol::kClaOwn,
                                      .ins = static_cast<std::uint8_t>(OwnIns::stage_key),
                                      .p1 = protocol::ref::key_management,
                                      .p2 = protocol::kEnvelopeToSlot,
                                      .data = data,
                                      .secure = true});
    if (!answer.ok()) throw_status("loading a decryption key", answer.status_word);
}

ByteVector stage_csr(Token& token, std::uint8_t role, ByteView request_info) {
    const char* const action = "signing a certificate request";
    return signature_of(run(token, action, OwnIns::stage_csr, role, protocol::kCsrByStagedKey, request_info), action);
}

ByteVector stage_csr_consent(Token& token, std::uint8_t role, ByteView request_info) {
    const char* const action = "consenting to a certificate request";
    return signature_of(run(token, action, OwnIns::stage_csr, role, protocol::kCsrByOldKey, request_info), action);
}

ByteVector stage_prove(Token& token, std::uint8_t role, const StageNonce& nonce) {
    const char* const action = "proving the new key";
    return signature_of(run(token, action, OwnIns::stage_prove, role, 0, nonce), action);
}

void stage_certificate(Token& token, std::uint8_t role, ByteView object, const Progress& progress) {
    load(token, "loading a new certificate", OwnIns::stage_cert, role, object, progress);
}

void stage_seal(Token& token, ByteView seal, const Progress& progress) {
    load(token, "loading the new seal", OwnIns::stage_seal, 0, seal, progress);
}

void stage_record(Token& token, ByteView record, const Progress& progress) {
    load(token, "loading the new record", OwnIns::stage_record, protocol::kStageRecordItself, record, progress);
}

void stage_next_issuer(Token& token, ByteView object, const Progress& progress) {
    load(token, "loading the next issuer certificate", OwnIns::stage_record, protocol::kStageNextIssuer, object,
         progress);
}

void stage_commit(Token& token, ByteView manifest) {
    run(token, "committing the renewal", OwnIns::commit, 0, 0, manifest);
}

void stage_abort(Token& token, const Rid& rid) { run(token, "dropping a renewal", OwnIns::stage_abort, 0, 0, rid); }

void retire_purge(Token& token, std::uint8_t slot, const Rid& committed) {
    run(token, "removing a former decryption key", OwnIns::retire_purge, slot, 0, committed);
}

ByteVector confirm_proof(Token& token, std::uint8_t slot, const Rid& committed) {
    const char* const action = "confirming the renewal";
    return signature_of(run(token, action, OwnIns::confirm_proof, slot, 0, committed), action);
}

ByteVector request_statement(const Rid& rid, const Digest& request_info_sha256) {
    ByteVector out;
    add(out, bytes_of(protocol::kRequestLabel));
    add(out, rid);
    add(out, request_info_sha256);
    return out;
}

ByteVector prove_statement(const Rid& rid, std::uint8_t role, const StageNonce& nonce) {
    ByteVector out;
    add(out, bytes_of(protocol::kProveLabel));
    add(out, rid);
    out.push_back(role);
    add(out, nonce);
    return out;
}

ByteVector committed_statement(const Rid& rid) {
    ByteVector out;
    add(out, bytes_of(protocol::kCommittedLabel));
    add(out, rid);
    return out;
}

ByteVector manifest_body(const Manifest& manifest) {
    std::size_t roles = 0;
    for (std::size_t i = 0; i < protocol::kRoles.size(); ++i) roles += manifest.roles >> i & 1;
    const bool only_roles = (manifest.roles & ~protocol::role_bit::all) == 0;
    if (manifest.serial.size() != protocol::kSerialSize || roles == 0 || !only_roles ||
        manifest.certificates.size() != roles) {
        throw TokenError(Kind::bad_argument, "the manifest's serial, roles or certificates don't fit");
    }
    ByteVector hashes;
    for (const Digest& digest : manifest.certificates) add(hashes, digest);
    ByteVector out(512);
    TlvWriter writer(out);
    writer.put_byte(mt::version, protocol::kManifestVersion)
        .put(mt::serial, {reinterpret_cast<const std::uint8_t*>(manifest.serial.data()), manifest.serial.size()})
        .put(mt::rid, manifest.rid)
        .put_byte(mt::roles, manifest.roles)
        .put(mt::certificates, hashes);
    if (manifest.seal) writer.put(mt::seal, *manifest.seal);
    if (manifest.record) writer.put(mt::record, *manifest.record);
    if (manifest.issuer) writer.put(mt::issuer, *manifest.issuer);
    writer.put(mt::guid, manifest.guid);
    out.resize(writer.size());
    return out;
}

ByteVector signed_manifest(ByteView body, ByteView signature) {
    ByteVector out(body.size() + signature.size() + 16);
    TlvWriter writer(out);
    writer.raw(body).put(mt::signature, signature);
    out.resize(writer.size());
    return out;
}

}  // namespace sealkey::token

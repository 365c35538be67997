#include "support/renewal_desk.h"

#include "support/key_centre.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace sealkey::testing {

namespace {

void must(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("the tests' CA: ") + what);
}

template <class T, class Function>
ByteVector der_by(Function encode, T* object) {
    unsigned char* raw = nullptr;
    const int size = encode(object, &raw);
    must(size > 0, "encoding");
    ByteVector out(raw, raw + size);
    OPENSSL_free(raw);
    return out;
}

PKey own(EVP_PKEY* key) {
    must(key != nullptr, "key");
    return {key, EVP_PKEY_free};
}

void set_name(X509_NAME* name, const std::string& text_of) {
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text_of.data()),
                                    static_cast<int>(text_of.size()), -1, 0) == 1,
         "name");
}

void add_extension(X509* certificate, int nid, const ByteVector& value, const char* oid = nullptr) {
    ASN1_OBJECT* object_of = oid != nullptr ? OBJ_txt2obj(oid, 1) : OBJ_nid2obj(nid);
    ASN1_OCTET_STRING* string = ASN1_OCTET_STRING_new();
    must(ASN1_OCTET_STRING_set(string, value.data(), static_cast<int>(value.size())) == 1, "extension");
    X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, object_of, 0, string);
    must(X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(string);
    ASN1_OBJECT_free(object_of);
}

std::string kind_of(const PKey& key) {
    if (EVP_PKEY_is_a(key.get(), "RSA") == 1) return "RSA";
    return EVP_PKEY_get_bits(key.get()) == 384 ? "P-384" : "P-256";
}

}  // namespace

PKey new_key(const std::string& kind) {
    if (kind == "RSA-2048") return own(EVP_RSA_gen(2048));
    if (kind == "RSA-4096") return own(EVP_RSA_gen(4096));
    if (kind == "RSA-1024") return own(EVP_RSA_gen(1024));
    return own(EVP_EC_gen(kind.c_str()));
}

PKey key_of(const token::PublicKey& key) {
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    const bool rsa = key.point.empty();
    BIGNUM* n = nullptr;
    BIGNUM* e = nullptr;
    if (rsa) {
        n = BN_bin2bn(key.modulus.data(), static_cast<int>(key.modulus.size()), nullptr);
        e = BN_bin2bn(key.exponent.data(), static_cast<int>(key.exponent.size()), nullptr);
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
    } else {
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, key.point.size() == 97 ? "P-384" : "P-256",
                                        0);
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, key.point.data(), key.point.size());
    }
    OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, rsa ? "RSA" : "EC", nullptr);
    EVP_PKEY* out = nullptr;
    const bool made =
        EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &out, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    must(made, "public key");
    return own(out);
}

PKey key_of_certificate(const ByteVector& der) {
    const unsigned char* at = der.data();
    std::shared_ptr<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);
    must(certificate != nullptr, "certificate");
    return own(X509_get_pubkey(certificate.get()));
}

ByteVector public_key_info(const PKey& key) { return der_by(i2d_PUBKEY, key.get()); }

bool verifies(const PKey& key, const ByteVector& message, const ByteVector& signature, const char* hash) {
    std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key.get(), nullptr) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

ByteVector sign_message(const PKey& key, const ByteVector& message, const char* hash) {
    std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::size_t size = 1024;
    ByteVector out(size);
    must(EVP_DigestSignInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key.get(), nullptr) == 1 &&
             EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1,
         "signature");
    out.resize(size);
    return out;
}

token::Digest digest_of(const ByteVector& data) {
    token::Digest out{};
    SHA256(data.data(), data.size(), out.data());
    return out;
}

ByteVector request_info(const PKey& key, const std::string& name) {
    std::shared_ptr<X509_REQ> request(X509_REQ_new(), X509_REQ_free);
    set_name(X509_REQ_get_subject_name(request.get()), name);
    must(X509_REQ_set_pubkey(request.get(), key.get()) == 1, "request");
    return der_by(i2d_re_X509_REQ_tbs, request.get());
}

TestCa::TestCa(const std::string& kind, const std::string& name) : key_(new_key(kind)), name_(name) {
    certificate_ = issue(key_, name);
}

ByteVector TestCa::issue(const PKey& key, const std::string& name, const char* hash, std::size_t ballast) {
    std::shared_ptr<X509> certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial_);
    set_name(X509_get_issuer_name(certificate.get()), name_);
    set_name(X509_get_subject_name(certificate.get()), name);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
    must(X509_set_pubkey(certificate.get(), key.get()) == 1, "certificate");
    add_extension(certificate.get(), NID_key_usage, {0x03, 0x02, 0x07, 0x80});
    if (ballast > 0) add_extension(certificate.get(), 0, ByteVector(ballast, 0x04), "2.25.1");
    must(X509_sign(certificate.get(), key_.get(), EVP_get_digestbyname(hash)) > 0, "signature");
    return der_by(i2d_X509, certificate.get());
}

ByteVector TestCa::manifest(const token::Manifest& manifest, const char* hash) const {
    const ByteVector body = token::manifest_body(manifest);
    return token::signed_manifest(body, sign_message(key_, body, hash));
}

ByteVector TokenConnection::transmit(transport::ByteView command) {
    if (broken) throw transport::TransportError(transport::Failure::no_card, "the connection is broken");
    const bool cuts = cut && sent == cut->after;
    ++sent;
    if (cuts) {
        broken = true;
        if (cut->answer_lost) (void)token_.raw(ByteVector(command.begin(), command.end()));
        token_.reset();
        throw transport::TransportError(transport::Failure::no_card, "the connection breaks");
    }
    const Reply reply = token_.raw(ByteVector(command.begin(), command.end()));
    ByteVector out = reply.data;
    out.push_back(static_cast<std::uint8_t>(reply.sw >> 8));
    out.push_back(static_cast<std::uint8_t>(reply.sw));
    return out;
}

RenewalPlan plan_of(std::uint8_t number, std::vector<token::StageRole> roles) {
    RenewalPlan plan;
    plan.rid.fill(number);
    plan.guid.fill(static_cast<std::uint8_t>(0x40 + number));
    plan.roles = std::move(roles);
    return plan;
}

void RenewalDesk::begin_answer() {
    if (answers_ == break_at_ && !noted_) {
        broke_ = true;
        throw DeskBroken();
    }
}

void RenewalDesk::end_answer() {
    if (answers_++ == break_at_) {
        broke_ = true;
        throw DeskBroken();
    }
}

ByteVector RenewalDesk::request(const RenewalPlan& plan, std::uint8_t role, const ByteVector& info,
                                const ByteVector& signature, const char* hash, const PKey& old_key,
                                const ByteVector& consent) {
    begin_answer();
    ByteVector out = certify(plan, role, info, signature, hash, old_key, consent);
    end_answer();
    return out;
}

ByteVector RenewalDesk::certify(const RenewalPlan& plan, std::uint8_t role, const ByteVector& info,
                                const ByteVector& signature, const char* hash, const PKey& old_key,
                                const ByteVector& consent) {
    const Key key{plan.rid, role};
    const auto known = certificates_.find(key);
    if (known != certificates_.end()) {
        const ByteVector& asked = keys_.at(key);
        if (std::search(info.begin(), info.end(), asked.begin(), asked.end()) != info.end()) return known->second;
    }
    must(verifies(old_key, token::request_statement(plan.rid, digest_of(info)), consent), "no consent of the old key");
    // BIT STRING and AlgorithmIdentifier around the request, as PKCS #10 has it.
    static const std::map<std::string, std::string> algorithms = {
        {"RSASHA256", "300d06092a864886f70d01010b0500"},
        {"P-256SHA256", "300a06082a8648ce3d040302"},
        {"P-384SHA384", "300a06082a8648ce3d040303"},
    };
    for (const auto& [name, algorithm] : algorithms) {
        const ByteVector whole = tlv(0x30, concat({info, from_hex(algorithm), tlv(0x03, concat({{0x00}, signature}))}));
        const unsigned char* raw = whole.data();
        std::shared_ptr<X509_REQ> request(d2i_X509_REQ(nullptr, &raw, static_cast<long>(whole.size())), X509_REQ_free);
        must(request != nullptr, "the request can't be read");
        const PKey asked = own(X509_REQ_get_pubkey(request.get()));
        if (kind_of(asked) + hash != name) continue;
        must(X509_REQ_verify(request.get(), asked.get()) == 1, "the request isn't signed by its own key");
        keys_[key] = public_key_info(asked);
        certificates_[key] = certificate_object(ca_->issue(asked, "renewed " + std::to_string(role)));
        proven_.erase(key);
        return certificates_[key];
    }
    throw std::runtime_error("a request of an algorithm that isn't known");
}

void RenewalDesk::prove(const RenewalPlan& plan, std::uint8_t role, const token::StageNonce& nonce,
                        const ByteVector& signature) {
    begin_answer();
    const ByteVector& info = keys_.at({plan.rid, role});
    const unsigned char* raw = info.data();
    const PKey key = own(d2i_PUBKEY(nullptr, &raw, static_cast<long>(info.size())));
    must(verifies(key, token::prove_statement(plan.rid, role, nonce), signature), "the proof doesn't verify");
    proven_[{plan.rid, role}] = true;
    end_answer();
}

ByteVector RenewalDesk::manifest(const RenewalPlan& plan) {
    begin_answer();
    token::Manifest manifest;
    manifest.serial = std::string(kSerial);
    manifest.rid = plan.rid;
    manifest.roles = token::role_bits(plan.roles);
    for (const std::uint8_t role : protocol::kRoles) {
        const bool wanted = std::any_of(plan.roles.begin(), plan.roles.end(),
                                        [role](const token::StageRole& r) { return r.reference == role; });
        if (!wanted) continue;
        must(proven_[{plan.rid, role}], "a role isn't proven");
        manifest.certificates.push_back(digest_of(issued(plan.rid, role)));
    }
    if (plan.seal) manifest.seal = digest_of(*plan.seal);
    if (plan.record) manifest.record = digest_of(*plan.record);
    if (plan.next_issuer) manifest.issuer = digest_of(*plan.next_issuer);
    manifest.guid = plan.guid;
    ByteVector out = ca_->manifest(manifest);
    end_answer();
    return out;
}

void RenewalDesk::confirm(const RenewalPlan& plan, std::uint8_t role, const ByteVector& signature) {
    begin_answer();
    const ByteVector& info = keys_.at({plan.rid, role});
    const unsigned char* raw = info.data();
    const PKey key = own(d2i_PUBKEY(nullptr, &raw, static_cast<long>(info.size())));
    must(verifies(key, token::committed_statement(plan.rid), signature), "the confirmation doesn't verify");
    confirmed_[plan.rid] = true;
    end_answer();
}

namespace {

// The key whose consent the desk looks for.
PKey consenting_key(token::Token& token, std::uint8_t role) {
    return key_of(token.metadata(role == ref::authentication ? ref::authentication : ref::signature).public_key);
}

// What the token has already isn't sent again.
bool is_loaded(bool complete, const token::StagedFingerprint& fingerprint, const ByteVector& value) {
    const token::Digest digest = digest_of(value);
    return complete && std::equal(fingerprint.begin(), fingerprint.end(), digest.begin());
}
bool is_loaded(const std::optional<token::StagedObject>& told, const ByteVector& value) {
    return told && is_loaded(told->complete(), told->fingerprint, value);
}

}  // namespace

void request_certificate(token::Token& token, RenewalDesk& desk, const RenewalPlan& plan, std::uint8_t role) {
    const token::StagingStatus status = token::stage_status(token);
    const token::StagedRole* const staged = status.role(role);
    must(staged != nullptr, "the role isn't staged");
    const ByteVector info = request_info(key_of(token::stage_public_key(token, *staged)));
    const char* const hash = staged->algorithm == Algorithm::p384 ? "SHA384" : "SHA256";
    const ByteVector signature = token::stage_csr(token, role, info);
    const ByteVector consent = token::stage_csr_consent(token, role, info);
    const ByteVector object_of = desk.request(plan, role, info, signature, hash, consenting_key(token, role), consent);
    if (!is_loaded(staged->has_certificate, staged->fingerprint, object_of)) {
        token::stage_certificate(token, role, object_of);
    }
}

void prove_role(token::Token& token, RenewalDesk& desk, const RenewalPlan& plan, std::uint8_t role) {
    token::StageNonce nonce{};
    nonce.fill(role);
    desk.prove(plan, role, nonce, token::stage_prove(token, role, nonce));
}

void bring_centre_key(token::Token& token, const RenewalPlan& plan) {
    const token::StagingStatus status = token::stage_status(token);
    const token::StagedRole* const staged = status.role(ref::key_management);
    if (!plan.centre || staged == nullptr || staged->has_key) return;
    const PKey recipient = key_of(token.metadata(ref::key_management).public_key);
    const EnvelopeFor what{std::string(kSerial), {plan.rid.begin(), plan.rid.end()}, staged->algorithm};
    token::stage_key(token, make_envelope(plan.centre, recipient, what));
}

void run_renewal(token::Token& token, std::string_view pin, RenewalDesk& desk, const RenewalPlan& plan,
                 const std::function<void()>& before_commit) {
    const ByteVector secret(pin.begin(), pin.end());
    token.verify(secret);
    const token::StagingStatus before = token::stage_status(token);
    if (before.committed != plan.rid) {
        token::BeginAnswer answer{1, false};
        while (answer.missing > 0) answer = token::stage_begin(token, plan.rid, plan.roles, !!plan.centre);
        bring_centre_key(token, plan);
        for (const token::StageRole& role : plan.roles) request_certificate(token, desk, plan, role.reference);
        const token::StagingStatus told = token::stage_status(token);
        if (plan.seal && !is_loaded(told.seal, *plan.seal)) token::stage_seal(token, *plan.seal);
        if (plan.record && !is_loaded(told.record, *plan.record)) token::stage_record(token, *plan.record);
        if (plan.next_issuer && !is_loaded(told.issuer, *plan.next_issuer)) {
            token::stage_next_issuer(token, *plan.next_issuer);
        }
        for (const token::StageRole& role : plan.roles) prove_role(token, desk, plan, role.reference);
        if (before_commit) before_commit();
        token::stage_commit(token, desk.manifest(plan));
    }
    for (const token::StageRole& role : plan.roles) {
        if (role.reference == ref::key_management) continue;
        desk.confirm(plan, role.reference, token::confirm_proof(token, role.reference, plan.rid));
    }
}

IssuedKey issued_key(TestCa& ca, Profile profile, platform::FlashGeometry geometry) {
    IssuedKey out;
    out.token = std::make_unique<TestToken>(geometry);
    TestToken& token = *out.token;
    token.manufacture();
    token.initialise(profile);
    must(token.authenticate() == sw::ok, "9B");
    for (const std::uint8_t slot : protocol::kRoles) {
        must(token.generate(slot).ok(), "generate");
        const ByteVector point = *find(*find(token.metadata(slot).data, 0x04), 0x86);
        const PKey key = key_of(token::PublicKey{Algorithm::p256, {}, {}, point});
        out.certificates[slot] = certificate_object(ca.issue(key, "first"));
        must(token.put_data(token::certificate_tag(slot), out.certificates[slot]).ok(), "certificate");
    }
    must(token.put_data(object::seal, some_bytes(1200, 1)).ok(), "seal");
    must(token.put_data(object::enterprise_record, some_bytes(200, 2)).ok(), "record");
    must(token.put_data(object::issuer_certificate, certificate_object(ca.certificate())).ok(), "issuer");
    out.pin = kDefaultPin;
    if (profile == Profile::shipping) {
        token.secure();
        token.activate();
        out.pin = kPin;
    }
    token.reset();
    return out;
}

ByteVector some_bytes(std::size_t size, std::uint8_t seed) {
    ByteVector out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(seed + i * 7 + i / 251);
    return out;
}

}  // namespace sealkey::testing

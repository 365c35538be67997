// The CA's desk with an inventory, and an enterprise's key in software on the other side.
#pragma once

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include "support/inventory_place.h"

#include <filesystem>

#include "bench/renewal_desk.h"
#include "ca/certificate.h"
#include "ca/error.h"
#include "token/certificate_object.h"
#include "unit/bench/soft_attestation.h"

namespace sealkey::bench {

namespace fs = std::filesystem;
using ca::Fault;
using ca::RenewalState;
using nlohmann::json;

inline constexpr char kCode[] = "91350100M000100Y43";
inline constexpr char kSameOrganisation[] = "91350200M000100Y4";  // without its check character
inline constexpr char kOldCode[] = "3500M000100Y4";
inline constexpr char kOtherCode[] = "914403001922038216";
inline const std::string kPassphrase = "a long passphrase for tests";

inline Bytes view(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

inline ca::PKey make_key(const std::string& algorithm) {
    return ca::PKey(algorithm == "rsa2048" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
                                           : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

inline ca::ByteVector signature(EVP_PKEY* key, Bytes statement) {
    const ca::MdCtx ctx(EVP_MD_CTX_new());
    std::size_t size = 1024;
    ca::ByteVector out(size);
    EXPECT_EQ(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key), 1);
    EXPECT_EQ(EVP_DigestSign(ctx.get(), out.data(), &size, statement.data(), statement.size()), 1);
    out.resize(size);
    return out;
}

struct Csr {
    ca::ByteVector info, request;
};
inline Csr csr_of(EVP_PKEY* key) {
    const ca::Request request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key);
    EXPECT_GT(X509_REQ_sign(request.get(), key, EVP_sha256()), 0);
    const auto bytes = [&](auto encode) {
        unsigned char* der = nullptr;
        const int size = encode(request.get(), &der);
        ca::ByteVector out(der, der + size);
        OPENSSL_free(der);
        return out;
    };
    return {bytes([](X509_REQ* r, unsigned char** p) { return i2d_re_X509_REQ_tbs(r, p); }),
            bytes([](X509_REQ* r, unsigned char** p) { return i2d_X509_REQ(r, p); })};
}

// A token's attestation key and its device certificate.
struct SoftIdentity {
    ca::PKey f9;
    ca::Cert device;
};

// The enterprise's key: what the token would sign, and what a thief would try instead.
struct SoftToken {
    std::string serial;
    std::uint32_t numeric_serial = 0;
    std::shared_ptr<SoftIdentity> identity;
    ca::ByteVector challenge;
    std::map<std::string, ca::PKey> old_keys, new_keys;

    [[nodiscard]] EVP_PKEY* consenting(const std::string& slot) const {
        return old_keys.at(slot == "9D" ? "9C" : slot).get();
    }
    json request(const std::string& rid_hex, const std::vector<std::string>& slots) const {
        json keys = json::array();
        for (const auto& slot : slots) keys.push_back(entry(rid_hex, slot, new_keys.at(slot).get(), consenting(slot)));
        return {{"rid", rid_hex}, {"device", device()}, {"keys", keys}};
    }
    [[nodiscard]] std::string device() const { return ca::hex(ca::der_of(identity->device.get())); }
    // What F9 says of a key of this renewal.
    [[nodiscard]] ca::Attested truth(const std::string& rid_hex, const std::string& slot) const {
        ca::Attested says;
        says.serial = serial;
        says.numeric_serial = numeric_serial;
        says.role = ca::slot_of(ca::role_of_name(slot));
        says.nonce = challenge;
        says.rid = ca::unhex(rid_hex);
        says.origin = protocol::Origin::generated;
        says.profile = protocol::Profile::shipping;
        says.pin_policy = slot == "9C" ? protocol::PinPolicy::always : protocol::PinPolicy::once;
        says.touch_policy = protocol::TouchPolicy::never;
        says.firmware = {0, 1, 0};
        return says;
    }
    static token::Rid rid(const std::string& hex) {
        const auto bytes = ca::unhex(hex);
        token::Rid out{};
        std::copy(bytes.begin(), bytes.end(), out.begin());
        return out;
    }
    [[nodiscard]] json entry(const std::string& rid_hex, const std::string& slot, EVP_PKEY* key,
                             EVP_PKEY* consenting) const {
        const Csr csr = csr_of(key);
        const auto statement = token::request_statement(rid(rid_hex), ca::digest_of(csr.info));
        const auto attestation =
            soft_attestation(truth(rid_hex, slot), key, identity->f9.get(), identity->device.get());
        return {{"slot", slot},
                {"request", ca::hex(csr.request)},
                {"consent", ca::hex(signature(consenting, statement))},
                {"attestation", ca::hex(attestation)}};
    }
    json proofs(const std::string& rid_hex, const std::string& nonce_hex) const {
        json all = json::array();
        token::StageNonce nonce{};
        const auto bytes = ca::unhex(nonce_hex);
        std::copy(bytes.begin(), bytes.end(), nonce.begin());
        for (const auto& [slot, key] : new_keys) {
            const auto statement = token::prove_statement(rid(rid_hex), ca::slot_of(ca::role_of_name(slot)), nonce);
            all.push_back({{"slot", slot}, {"signature", ca::hex(signature(key.get(), statement))}});
        }
        return {{"rid", rid_hex}, {"proofs", all}};
    }
    json confirmation(const std::string& rid_hex, const std::string& slot = "9C") const {
        return {{"rid", rid_hex},
                {"slot", slot},
                {"signature", ca::hex(signature(new_keys.at(slot).get(), token::committed_statement(rid(rid_hex))))}};
    }
};

class RenewalTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        std::string pattern = (fs::temp_directory_path() / "sealkey-renewal-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = new std::string(pattern);
        ca::Settings settings;
        settings.name = "CA";
        ca::Authority::create(*folder_ + "/ca", settings, view(kPassphrase), ca::now());
        authority_ = new ca::Authority(*folder_ + "/ca");
        keys_ = new DeskKeys(*authority_, view(kPassphrase));
        device_key_ = new ca::PKey(authority_->device_root_key(view(kPassphrase)));
    }
    static void TearDownTestSuite() {
        fs::remove_all(*folder_);
        delete device_key_;
        delete keys_;
        delete authority_;
        delete folder_;
    }
    void SetUp() override {
        fs::remove(*folder_ + "/inventory.sqlite");
        path_ = new_place(*folder_ + "/inventory.sqlite");
        inventory_ = std::make_unique<Inventory>(path());
        desk_ = std::make_unique<RenewalDesk>(*inventory_, *authority_, *keys_, "clerk");
        token_ = deliver(kCode, "SHILI", ca::now() + days(300));
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    static std::chrono::hours days(int n) { return std::chrono::hours(24) * n; }

    // A key as the bench leaves it, at its enterprise.
    SoftToken deliver(const std::string& code, const std::string& login, ca::Time until,
                      const std::string& kind = "first") {
        Order order;
        order.kind = kind;
        order.reason = kind == "first" ? "" : "needed";
        order.enterprise_name = "示例进出口有限公司";
        order.unified_code = code;
        order.login_name = login;
        order.algorithm = "p256";
        SoftToken token;
        Inventory::Work work(*inventory_, "bench");
        static int chips = 0;
        const TokenRow row = work.add_token("chip" + std::to_string(++chips), order, "", 1 + numbers_++ % 3, 1);
        token.serial = row.serial;
        token.numeric_serial = static_cast<std::uint32_t>(row.numeric_serial);
        work.set_state(token.serial, TokenState::initialised, "");
        work.set_state(token.serial, TokenState::personalised, "");
        work.set_state(token.serial, TokenState::active, "");
        work.set_step(token.serial, "done");
        const ca::Issuer issuer{authority_->issuing(), keys_->issuing.get(), "", ca::kDefaultCodeExtension, ""};
        for (const ca::Role role : ca::kRoles) {
            ca::PKey key = make_key("p256");
            const ca::Cert cert = ca::issue_certificate(issuer, role, {order.enterprise_name, kCode, login}, key.get(),
                                                        ca::now(), ca::now() + days(300));
            // Its end is moved and it is signed again, so that expired ones can be had as well.
            ASN1_TIME_set(X509_getm_notBefore(cert.get()), (until - days(1000)).time_since_epoch().count());
            ASN1_TIME_set(X509_getm_notAfter(cert.get()), until.time_since_epoch().count());
            ca::sign_certificate(cert.get(), keys_->issuing.get());
            work.add_certificate({ca::serial_of(cert.get()), token.serial, ca::name_of(role),
                                  ca::hex(ca::der_of(cert.get())), ca::sha256_hex(ca::spki_of(key.get())),
                                  ca::iso_time(until), "", ""});
            token.old_keys[ca::name_of(role)] = std::move(key);
        }
        token.identity = identify(work, token.serial);
        work.commit();
        return token;
    }
    // F9 and its certificate, known to the inventory.
    static std::shared_ptr<SoftIdentity> identify(Inventory::Work& work, const std::string& serial) {
        auto made = std::make_shared<SoftIdentity>();
        made->f9 = make_key("p256");
        made->device = ca::issue_device_certificate(authority_->device_root(), device_key_->get(), serial,
                                                    made->f9.get(), ca::now());
        work.add_certificate({ca::serial_of(made->device.get()), serial, kDeviceSlot,
                              ca::hex(ca::der_of(made->device.get())), ca::sha256_hex(ca::spki_of(made->f9.get())),
                              ca::iso_time(ca::time_of(X509_get0_notAfter(made->device.get()))), "", ""});
        return made;
    }
    RenewalOrder wish() const {
        RenewalOrder order;
        order.serial = token_.serial;
        order.request = "R-2026-0007";
        return order;
    }
    // Approved, and the new keys made.
    std::string begin(const RenewalOrder& order) {
        const RenewalRow row = desk_->approve(order);
        slots_.clear();
        token_.new_keys.clear();
        for (const auto& key : row.keys) {
            slots_.push_back(key.slot);
            token_.new_keys[key.slot] = make_key(order.algorithm.empty() ? "p256" : order.algorithm);
        }
        token_.challenge = ca::unhex(desk_->answer("look", {{"serial", token_.serial}}).at("challenge"));
        return row.rid;
    }
    std::string begin() { return begin(wish()); }
    json request(const std::string& rid) { return desk_->answer("request", token_.request(rid, slots_)); }
    std::string proven(const std::string& rid) {
        const json issued = request(rid);
        return desk_->answer("prove", token_.proofs(rid, issued.at("nonce"))).at("manifest");
    }
    std::string closed(const std::string& rid) {
        (void)proven(rid);
        return desk_->answer("confirm", token_.confirmation(rid)).at("state");
    }
    RenewalState state(const std::string& rid) { return RenewalBook(*inventory_).renewal(rid).state; }

    // What is refused leaves every table as it was.
    void refused(Fault fault, const std::function<void()>& call) {
        const auto before = snapshot();
        try {
            call();
            ADD_FAILURE() << "nothing was refused";
        } catch (const ca::CaError& error) {
            EXPECT_EQ(error.fault(), fault) << error.what();
        }
        EXPECT_EQ(snapshot(), before);
    }
    std::string snapshot() {
        std::string text;
        for (const auto& row : RenewalBook(*inventory_).all()) {
            text += row.rid + ca::name_of(row.state) + row.nonce + row.manifest + row.seal + row.record;
            for (const auto& key : row.keys) text += key.spki + key.certificate;
        }
        for (const auto& row : inventory_->tokens()) {
            text += row.serial + row.guid + row.record + row.seal + row.order_text;
            for (const auto& cert : inventory_->certificates_of(row.serial)) {
                text += cert.serial + cert.slot + cert.revoked_at;
            }
        }
        return text + std::to_string(inventory_->audit_rows().size());
    }
    std::vector<std::string> live(const std::string& slot) {
        std::vector<std::string> serials;
        for (const auto& row : inventory_->certificates_of(token_.serial)) {
            if (row.slot == slot && row.revoked_at.empty()) serials.push_back(row.serial);
        }
        return serials;
    }
    void set_state(TokenState state) {
        Inventory::Work work(*inventory_, "clerk");
        work.set_state(token_.serial, state, "test");
        work.commit();
    }

    static inline std::string* folder_ = nullptr;
    static inline ca::Authority* authority_ = nullptr;
    static inline DeskKeys* keys_ = nullptr;
    static inline ca::PKey* device_key_ = nullptr;
    std::string path_;
    std::unique_ptr<Inventory> inventory_;
    std::unique_ptr<RenewalDesk> desk_;
    SoftToken token_;
    std::vector<std::string> slots_;
    int numbers_ = 0;
};

}  // namespace sealkey::bench

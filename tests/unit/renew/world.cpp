#include "unit/renew/world.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "base/tlv.h"
#include "bench/renewal_contents.h"
#include "ca/error.h"
#include "ca/request_builder.h"
#include "token/certificate_object.h"
#include "unit/seal/maker.h"

namespace sealkey::test {

namespace {

namespace fs = std::filesystem;
using ca::ByteVector;
using protocol::Algorithm;
using transport::Failure;
using transport::TransportError;

constexpr char kPassphrase[] = "a long passphrase for tests";
Bytes view(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

void must(bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error(what);
}

ca::PKey key_of(const X509* certificate) { return ca::PKey(X509_get_pubkey(const_cast<X509*>(certificate))); }

bool verifies(EVP_PKEY* key, Bytes digest, Bytes signature) {
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return ctx && EVP_PKEY_verify_init(ctx.get()) == 1 &&
           EVP_PKEY_verify(ctx.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
}

}  // namespace

CaFolder::CaFolder() {
    std::string pattern = (fs::temp_directory_path() / "sealkey-renew-XXXXXX").string();
    must(::mkdtemp(pattern.data()) != nullptr, "temporary folder");
    folder_ = pattern;
    ca::Settings settings;
    settings.name = "CA";
    ca::Authority::create(path("ca"), settings, view(kPassphrase), ca::now());
    authority_ = std::make_unique<ca::Authority>(path("ca"));
    keys_ = std::make_unique<bench::DeskKeys>(*authority_, view(kPassphrase));
}

CaFolder::~CaFolder() {
    std::error_code error;
    fs::remove_all(folder_, error);
}

// The token behind the client's connection.
class World::Wire final : public transport::Connection {
public:
    Wire(testing::TestToken& token, Count& count, const Cut& cut) : token_(token), count_(count), cut_(cut) {}

    ByteVector transmit(transport::ByteView command) override {
        if (broken_) throw TransportError(Failure::no_card, "the connection is broken");
        const ByteVector apdu(command.begin(), command.end());
        if (cut_.at == Cut::At::apdu && count_.apdus == cut_.after) {
            if (cut_.answer_lost) (void)token_.raw(apdu);
            pulled_out();
        }
        ++count_.apdus;
        const auto reply = token_.raw(apdu);
        if (token_.flash().dead()) pulled_out();
        ByteVector out = reply.data;
        out.push_back(static_cast<std::uint8_t>(reply.sw >> 8));
        out.push_back(static_cast<std::uint8_t>(reply.sw));
        return out;
    }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] ByteVector atr() const override { return {0x3B, 0x00}; }
    [[nodiscard]] bool extended_length() const override { return true; }

private:
    [[noreturn]] void pulled_out() {
        broken_ = true;
        throw TransportError(Failure::no_card, "the key is pulled out");
    }
    testing::TestToken& token_;
    Count& count_;
    Cut cut_;
    bool broken_ = false;
};

ca::CentreKey MockCentre::order(const ca::CentreOrder& order) {
    if (before) before(order);
    ++orders;
    const unsigned char* at = order.recipient.data();
    const testing::PKey recipient(d2i_PUBKEY(nullptr, &at, static_cast<long>(order.recipient.size())), EVP_PKEY_free);
    last = testing::new_key(order.algorithm == Algorithm::rsa2048 ? "RSA-2048" : "P-256");
    const testing::EnvelopeFor what{order.serial, {order.name.begin(), order.name.end()}, order.algorithm};
    ca::CentreKey given{testing::public_key_info(last), testing::make_envelope(last, recipient, what)};
    if (bend) bend(given);
    return given;
}

World::World(CaFolder& folder, bool with_attestation_key) : folder_(folder) {
    fs::remove(folder_.path("inventory.sqlite"));
    inventory_ = std::make_unique<bench::Inventory>(folder_.path("inventory.sqlite"));
    make_key(with_attestation_key);
    restart_ca();
}

void World::restart_ca() {
    desk_.reset();
    inventory_ = std::make_unique<bench::Inventory>(folder_.path("inventory.sqlite"));
    desk_ = std::make_unique<bench::RenewalDesk>(*inventory_, folder_.authority(), folder_.keys(), "clerk", centre_);
}

std::unique_ptr<token::Token> World::client(const Cut& cut) {
    return std::make_unique<token::Token>(std::make_unique<Wire>(*token_, count_, cut));
}

void World::make_attestation_key(bench::Inventory::Work& work) {
    must(token_->generate(protocol::ref::attestation).ok(), "generate F9");
    const auto public_key = testing::find(token_->metadata(protocol::ref::attestation).data, 0x04);
    token::PublicKey key;
    key.algorithm = Algorithm::p256;
    key.point = testing::find(*public_key, protocol::tag::ec_point).value();
    const ca::PKey made = ca::public_key_of(key);
    const ca::PKey root = folder_.authority().device_root_key(view(kPassphrase));
    const ca::Cert cert =
        ca::issue_device_certificate(folder_.authority().device_root(), root.get(), serial_, made.get(), ca::now());
    const auto der = ca::der_of(cert.get());
    must(token_->put_data(protocol::object::cert_attestation, token::object_of_certificate(der)).ok(), "F9");
    work.add_certificate({ca::serial_of(cert.get()), serial_, bench::kDeviceSlot, ca::hex(der),
                          ca::sha256_hex(ca::spki_of(made.get())),
                          ca::iso_time(ca::time_of(X509_get0_notAfter(cert.get()))), "", ""});
}

ca::ByteVector World::ask_token_to_attest(std::uint8_t role, std::uint8_t value) {
    token::StageNonce nonce{};
    nonce.fill(value);
    return token::stage_attest(*client(), role, nonce);
}

void World::make_key(bool with_attestation_key) {
    const ca::Authority& authority = folder_.authority();
    bench::Order order;
    order.enterprise_name = "示例进出口有限公司";
    order.unified_code = kCode;
    order.login_name = "SHILI";
    order.algorithm = "p256";
    token_ = std::make_unique<testing::TestToken>();
    token_->manufacture();
    token_->initialise(protocol::Profile::shipping);
    must(token_->authenticate() == protocol::sw::ok, "the bench's session");
    serial_ = std::string(testing::kSerial);
    bench::TokenRow row;
    {
        bench::Inventory::Work work(*inventory_, "bench");
        const std::string given = work.add_token("chip", order, "", 1, 1).serial;
        work.set_state(given, bench::TokenState::initialised, "");
        work.set_state(given, bench::TokenState::personalised, "");
        work.set_state(given, bench::TokenState::active, "");
        work.set_step(given, "done");
        work.commit();
        // The fixture's tokens have one serial number.
        soci::session sql(soci::sqlite3, "db=" + folder_.path("inventory.sqlite"));
        sql << "UPDATE tokens SET serial = :n, numeric_serial = 1193046", soci::use(serial_);  // 0x123456
        row = inventory_->token(serial_);
    }
    const ca::Issuer issuer{authority.issuing(), folder_.keys().issuing.get(), "", ca::kDefaultCodeExtension, ""};
    const auto until = ca::now() + std::chrono::hours(24 * 300);
    bench::Inventory::Work work(*inventory_, "bench");
    ca::Cert signing;
    for (const ca::Role role : ca::kRoles) {
        const std::uint8_t slot = ca::slot_of(role);
        must(token_->generate(slot).ok(), "generate");
        const auto public_key = testing::find(token_->metadata(slot).data, 0x04);
        token::PublicKey key;
        key.algorithm = Algorithm::p256;
        key.point = testing::find(*public_key, protocol::tag::ec_point).value();
        ca::PKey made = ca::public_key_of(key);
        ca::Cert cert = ca::issue_certificate(
            issuer, role, {order.enterprise_name, order.unified_code, order.login_name}, made.get(), ca::now(), until);
        const auto der = ca::der_of(cert.get());
        must(token_->put_data(token::certificate_tag(slot), token::object_of_certificate(der)).ok(), "certificate");
        work.add_certificate({ca::serial_of(cert.get()), serial_, ca::name_of(role), ca::hex(der),
                              ca::sha256_hex(ca::spki_of(made.get())), ca::iso_time(until), "", ""});
        first_certificates_.push_back(ca::serial_of(cert.get()));
        if (role == ca::Role::decryption) first_decryption_key_ = std::move(made);
        if (role == ca::Role::signature) signing = std::move(cert);
    }
    if (with_attestation_key) make_attestation_key(work);
    const auto record = bench::renewed_record(row, order, signing.get());
    const auto seal = bench::renewed_seal(row, order, seal::test::png(40, 40), signing.get(), authority.seal_maker(),
                                          folder_.keys().maker.get());
    must(token_->put_data(protocol::object::enterprise_record, record).ok(), "record");
    must(token_
             ->put_data(protocol::object::issuer_certificate,
                        token::object_of_certificate(ca::der_of(authority.issuing())))
             .ok(),
         "issuer");
    must(token_->put_data_chained(protocol::object::seal, seal).ok(), "seal");
    work.set_contents(serial_, ca::hex(record), ca::hex(seal));
    work.commit();
    token_->secure();
    token_->activate();
    token_->reset();
}

void World::approve(bench::RenewalOrder order) {
    order.serial = serial_;
    order.request = "R-2026-0042";
    (void)desk_->approve(order);
    flash_ = token_->flash().state();
    desk_.reset();
    inventory_.reset();
    fs::copy_file(folder_.path("inventory.sqlite"), folder_.path("approved.sqlite"),
                  fs::copy_options::overwrite_existing);
    restart_ca();
}

void World::restore() {
    token_->flash().restore(flash_.value());
    must(token_->power_cycle().ok(), "power on");
    desk_.reset();
    inventory_.reset();
    fs::copy_file(folder_.path("approved.sqlite"), folder_.path("inventory.sqlite"),
                  fs::copy_options::overwrite_existing);
    restart_ca();
}

token::StagingStatus World::staging() { return token::stage_status(*client()); }

renew::Result World::run(const Cut& cut) {
    count_ = {};
    asked_for_pin = 0;
    const std::uint64_t flash = token_->flash().operations();
    if (cut.at == Cut::At::flash) {
        token_->flash().cut_in(cut.after, cut.tear, 7 + static_cast<std::uint32_t>(cut.after));
    }
    const std::string pin_text = pin();
    const auto pin = [&]() -> Bytes {
        ++asked_for_pin;
        return view(pin_text);
    };
    const renew::Ask ask = [&](const std::string& step, const nlohmann::json& message) {
        const bool here = count_.questions++ == cut.after;
        if (cut.at == Cut::At::question && here) throw std::runtime_error("the question doesn't arrive");
        try {
            // As it goes over the wire.
            auto sent = nlohmann::json::parse(message.dump());
            if (bend_question) bend_question(step, sent);
            const auto answer = desk_->answer(step, sent).dump();
            if (cut.at == Cut::At::answer && here) throw std::runtime_error("the answer doesn't arrive");
            auto out = nlohmann::json::parse(answer);
            if (bend) bend(step, out);
            return out;
        } catch (const ca::CaError& error) {
            const auto refusal = bench::refusal_of(error);
            throw renew::Refusal(refusal.at("fault"), refusal.at("message"), refusal.value("defect", ""));
        }
    };
    try {
        auto token = client(cut);
        auto result = renew::renew(*token, pin, ask);
        token_->flash().power_on();
        count_.flash = token_->flash().operations() - flash;
        return result;
    } catch (...) {
        token_->flash().power_on();
        must(token_->power_cycle().ok(), "the token doesn't start again");
        throw;
    }
}

// ---- the oracle
// ------------------------------------------------------------------------------------------------------

void World::check_credential(token::Token& token, std::uint8_t slot) {
    const std::string name = ca::name_of(ca::role_of_slot(slot));
    const ByteVector der = token.read_certificate(slot);
    const ca::Cert certificate = ca::certificate_of_der(der);
    ca::check_certificate(certificate.get(), folder_.authority().issuing(), ca::now());
    const ByteVector digest = ca::sha256(view("what is signed"));
    token.verify(view(pin()));
    must(verifies(key_of(certificate.get()).get(), digest, token.sign(slot, Algorithm::p256, digest)),
         name + ": the key isn't that of the certificate");
    int live = 0;
    bool known = false;
    for (const auto& row : inventory_->certificates_of(serial_)) {
        if (row.slot == name && row.revoked_at.empty()) ++live;
        if (row.der != ca::hex(der)) continue;
        known = true;
        must(row.revoked_at.empty(), name + ": the certificate on the token is revoked");
    }
    must(known, name + ": the CA doesn't know the certificate on the token");
    must(live == 1, name + ": " + std::to_string(live) + " live certificates at the CA");
}

bool World::decrypts(token::Token& token, std::uint8_t slot, EVP_PKEY* key) {
    const ca::PKey ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, ephemeral.get(), nullptr));
    ByteVector shared(32);
    std::size_t size = shared.size();
    must(EVP_PKEY_derive_init(ctx.get()) == 1 && EVP_PKEY_derive_set_peer(ctx.get(), key) == 1 &&
             EVP_PKEY_derive(ctx.get(), shared.data(), &size) == 1,
         "ECDH");
    unsigned char* point = nullptr;
    const std::size_t length = EVP_PKEY_get1_encoded_public_key(ephemeral.get(), &point);
    const ByteVector encoded(point, point + length);
    OPENSSL_free(point);
    token.verify(view(pin()));
    return token.derive(slot, Algorithm::p256, encoded) == shared;
}

void World::check_decryption(token::Token& token) {
    for (const auto& slot : token.token_status().slots) {
        const bool may = slot.slot == protocol::ref::key_management || (slot.slot >= 0x82 && slot.slot <= 0x95);
        if (!may || slot.algorithm != Algorithm::p256) continue;
        if (decrypts(token, slot.slot, first_decryption_key_.get())) return;
    }
    throw std::runtime_error("the first decryption key is lost");
}

// The centre's own key decrypts with what the token has, and the token doesn't claim to have made it.
void World::check_brought(token::Token& token) {
    const auto metadata = token.metadata(protocol::ref::key_management);
    must(metadata.origin == protocol::Origin::imported, "9D isn't called imported");
    const auto row = inventory_->live_certificate(serial_, "9D");
    must(row && row->spki == ca::sha256_hex(testing::public_key_info(centre_->last)), "9D isn't the centre's last key");
    if (metadata.algorithm != Algorithm::p256) return;
    must(decrypts(token, protocol::ref::key_management, centre_->last.get()), "9D isn't the centre's key");
}

void World::check_usable() {
    const auto client_token = client();
    check_credential(*client_token, protocol::ref::authentication);
    check_credential(*client_token, protocol::ref::signature);
    check_decryption(*client_token);
    inventory_->check_audit_chain();
}

void World::check_finished() {
    check_usable();
    const auto client_token = client();
    const auto staging = token::stage_status(*client_token);
    must(!staging.rid && staging.committed.has_value(), "something is still staged");
    const auto row = inventory_->token(serial_);
    for (const ca::Role role : ca::kRoles) {
        const auto live = inventory_->live_certificate(serial_, ca::name_of(role));
        must(live && ca::hex(client_token->read_certificate(ca::slot_of(role))) == live->der,
             std::string(ca::name_of(role)) + ": another certificate than the CA's");
        must(!inventory_->live_certificate(serial_, bench::next_slot(ca::name_of(role))), "an unconfirmed certificate");
    }
    const bench::Order order = bench::order_of_json(nlohmann::json::parse(row.order_text));
    if (bench::from_centre(order, "9D")) check_brought(*client_token);
    must(ca::hex(client_token->read_object(protocol::object::enterprise_record)) == row.record, "record");
    must(ca::hex(client_token->read_object(protocol::object::seal)) == row.seal, "seal");
    const auto chuid = client_token->read_object(protocol::object::chuid);
    must(ca::hex(*find_tlv(chuid, 0x34)) == row.guid, "the GUID in the CHUID");
    for (const auto& serial : first_certificates_) {
        const auto revoked = inventory_->revoked();
        const bool there = std::any_of(revoked.begin(), revoked.end(), [&](const auto& one) {
            return one.serial == serial && one.reason == "superseded";
        });
        must(there, "a certificate of before isn't revoked as superseded");
    }
}

}  // namespace sealkey::test

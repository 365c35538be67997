#include "bench/issue.h"

#include <algorithm>

#include "bench/attest.h"
#include "bench/key_centre.h"
#include "bench/management_cipher.h"
#include "bench/parcel.h"
#include "bench/policy.h"
#include "bench/request.h"
#include "ca/error.h"
#include "protocol/limits.h"
#include "seal/seal.h"
#include "token/record.h"
#include "token/staging.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using protocol::Lifecycle;
using protocol::Profile;

constexpr const char* kStepNames[] = {"admit", "birth", "keys", "contents", "check-a", "secure", "check-b", "done"};
constexpr char kSealVendor[] = "SEALKEY";
constexpr char kDefaultPin[] = "123456";
constexpr int kPinChoices = 32;

Bytes view(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

// Eight random digits. The token refuses the obvious ones, then the next is tried.
void random_pin(Secret<protocol::kPinSize>& pin) {
    pin.resize(protocol::kPinSize);
    for (auto& digit : pin.buffer()) {
        std::uint8_t byte = 0;
        do ca::random_bytes({&byte, 1});
        while (byte >= 250);
        digit = static_cast<std::uint8_t>('0' + byte % 10);
    }
}

// The bench may have heard of its end from somewhere else meanwhile.
void require_unended(const TokenRow& row) {
    if (row.step == kGivenUp) {
        throw CaError(Fault::policy, mark("Key %1 was given up and isn't used any more: take another one."),
                      {row.serial});
    }
    if (!takes_certificates(row.state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2 and can't be finished."), {row.serial, name_of(row.state)});
    }
}

std::string day_of(const std::string& iso) { return iso.substr(0, 10); }

}  // namespace

const char* name_of(Step step) { return kStepNames[static_cast<std::size_t>(step)]; }

BenchKeys::BenchKeys(const ca::Authority& authority, Bytes passphrase)
    : masters(authority.masters(passphrase)),
      channel_master(ca::read_channel_master(authority, passphrase)),
      issuing(authority.issuing_key(passphrase)),
      maker(authority.seal_maker_key(passphrase)),
      device_root(authority.device_root_key(passphrase)) {}

IssueJob::IssueJob(Inventory& inventory, const ca::Authority& authority, const BenchKeys& keys, token::Token& token,
                   IssueInput input)
    : inventory_(inventory), authority_(authority), token_(token), input_(std::move(input)), keys_(keys) {}

bool IssueJob::compatibility() const { return row_.profile == "compatibility"; }

Checked IssueJob::checked() {
    return [this](const std::string& what) { result_.checks.push_back(what); };
}

void IssueJob::note(const std::string& step) {
    Inventory::Work work(inventory_, input_.operator_name);
    note(work, step);
}

void IssueJob::note(Inventory::Work& work, const std::string& step) {
    require_unended(inventory_.token(row_.serial));
    work.set_step(row_.serial, step);
    if (input_.ended) input_.ended(work, step_);
    work.commit();
    row_ = inventory_.token(row_.serial);
}

IssueResult IssueJob::run(const StepBegins& begins) {
    using Function = void (IssueJob::*)();
    constexpr Function functions[] = {&IssueJob::admit,   &IssueJob::birth,  &IssueJob::keys,    &IssueJob::contents,
                                      &IssueJob::check_a, &IssueJob::secure, &IssueJob::check_b, &IssueJob::done};
    constexpr Part parts[] = {Part::other, Part::ca,    Part::ca,    Part::ca,
                              Part::check, Part::other, Part::check, Part::other};
    static_assert(std::size(parts) == std::size(functions));
    for (std::size_t i = 0; i < std::size(functions); ++i) {
        step_ = static_cast<Step>(i);
        begins(step_);
        const Metered metered(parts[i]);
        (this->*functions[i])();
    }
    result_.row = row_;
    for (const auto& row : inventory_.certificates_of(row_.serial)) {
        if (row.revoked_at.empty() && row.slot != kDeviceSlot) result_.certificates.push_back(row);
    }
    return result_;
}

// ---- admit: who is it, may it be -----------------------------------------------------------------------------------

void IssueJob::admit() {
    check_order(input_.order);
    require_centre(authority_, input_.order);
    const auto status = token_.token_status();
    if (status.lifecycle == Lifecycle::terminated) {
        throw CaError(Fault::policy, mark("This key's life has ended: it can't be used again."));
    }
    if (status.lifecycle != Lifecycle::blank) {
        const auto row = inventory_.find_token(status.serial);
        if (!row) {
            throw CaError(Fault::unknown, mark("Key %1 isn't blank, and this bench's inventory doesn't know it."),
                          {status.serial});
        }
        resume(*row);
        return;
    }
    if (input_.birth == nullptr) {
        throw CaError(Fault::bad_argument, mark("The key is blank: give the factory's record of it."));
    }
    const std::string last = shown_serial(input_.birth->chip_id);
    const std::string shown = shown_serial(status.serial);
    if (last != shown) {
        throw CaError(Fault::bad_argument, mark("The factory's record is that of another key (%1, not %2)."),
                      {last, shown});
    }
    if (const auto row = inventory_.find_chip(input_.birth->chip_id)) {
        resume(*row);
    } else {
        admit_new(input_.birth->chip_id);
    }
}

void IssueJob::resume(const TokenRow& row) {
    if (row.step == "done")
        throw CaError(Fault::exists, mark("Key %1 is finished: it was issued before."), {row.serial});
    require_unended(row);
    Order before = order_of_json(nlohmann::json::parse(row.order_text));
    Order order = input_.order;
    if (order.login_name.empty()) order.login_name = before.login_name;
    before.seal_image = order.seal_image;  // the file may lie elsewhere now; its content is what counts
    const std::string picture = input_.picture.empty() ? "" : ca::sha256_hex(input_.picture);
    if (before != order || row.picture_hash != picture) {
        throw CaError(
            Fault::policy,
            mark("Key %1 was begun for another order: finish it with that one, or take another key and replace this "
                 "one by it."),
            {row.serial});
    }
    input_.order = order;
    row_ = row;
    require_birth_record();
    result_.resumed = true;
    result_.replaced = order.replaces;
}

// Lesson 34 again: an interrupted birth may have left the factory's keys in the key, so each run tries them.
void IssueJob::require_birth_record() const {
    if (input_.birth == nullptr && !compatibility()) {
        throw CaError(
            Fault::bad_argument,
            mark("The factory's record of key %1 is needed: that its transport keys are dead is tried again."),
            {row_.serial});
    }
    if (input_.birth != nullptr && input_.birth->chip_id != row_.chip_id) {
        throw CaError(Fault::bad_argument, mark("The factory's record is that of another key (%1, not %2)."),
                      {input_.birth->chip_id, row_.chip_id});
    }
}

void IssueJob::admit_new(const std::string& chip_id) {
    Inventory::Work work(inventory_, input_.operator_name);
    const Admission admission = admit_order(inventory_, work, input_.order);
    input_.order = admission.order;
    row_ = work.add_token(chip_id, admission.order, input_.picture.empty() ? "" : ca::sha256_hex(input_.picture),
                          admission.key_number, keys_.masters.key_version);
    if (input_.admitted) input_.admitted(work, row_);
    work.commit();
    result_.replaced = admission.order.replaces;
}

// ---- birth ---------------------------------------------------------------------------------------------------------

// The bench's authority: the key's own channel. A plain PIV token has none, but a published 9B.
void IssueJob::authenticate() {
    if (compatibility()) {
        ManagementCipher cipher(protocol::Algorithm::tdes, default_management_key());
        token_.authenticate_management(cipher);
        return;
    }
    // Anew each time: another program may have selected in between, which ends a channel.
    token_.open_channel(crypto_, ca::channel_keys(keys_.channel_master, row_.serial));
}

void IssueJob::set_bench_pin() {
    if (compatibility()) {
        bench_pin_.assign(view(kDefaultPin));
        return;
    }
    const token::Token::Transaction transaction(token_);
    authenticate();
    for (int i = 0; i < kPinChoices; ++i) {
        random_pin(bench_pin_);
        try {
            token_.set_bench_pin(bench_pin_.bytes());
            return;
        } catch (const token::TokenError& error) {
            if (error.kind() != token::Kind::bad_data) throw;
        }
    }
    throw CaError(Fault::quality, mark("The key refuses every PIN."));
}

// Through the key's own channel, which the factory's keys open the way to.
void IssueJob::initialise() {
    token::InitialValues values;
    values.serial = row_.serial;
    values.profile = compatibility() ? Profile::compatibility : Profile::shipping;
    values.numeric_serial = static_cast<std::uint32_t>(row_.numeric_serial);
    values.key_version = keys_.masters.key_version;
    values.kdd = ca::channel_kdd(row_.serial);
    const ca::Key256 unlock = ca::unlock_key(keys_.masters, row_.serial);
    const ca::Key256 management = ca::management_key(keys_.masters, row_.serial);
    values.unlock_key = unlock.bytes();
    values.management_key = management.bytes();
    const auto guid = ca::unhex(row_.guid);
    std::copy_n(guid.begin(), values.guid.size(), values.guid.begin());
    const token::Token::Transaction transaction(token_);
    const token::ChannelKeys& transport = input_.birth->transport_keys;
    if (compatibility()) {
        token_.open_channel(crypto_, transport);
    } else {
        take_over(token_, crypto_, transport, ca::channel_keys(keys_.channel_master, row_.serial));
    }
    token_.initialise(values);
    token_.close_channel();
}

void IssueJob::birth() {
    if (token_.token_status().lifecycle == Lifecycle::blank) initialise();
    if (token_.token_status().serial != row_.serial) {
        throw CaError(Fault::quality, mark("The key didn't take its serial number."));
    }
    // Lesson 34: what the factory knew opens nothing any more.
    if (input_.birth != nullptr && transport_opens(token_, input_.birth->transport_keys)) {
        throw CaError(Fault::quality, mark("The transport keys still open the key."));
    }
    if (row_.state == TokenState::blank) {
        Inventory::Work work(inventory_, input_.operator_name);
        work.set_state(row_.serial, TokenState::initialised, "born");
        note(work, "born");
    }
    if (token_.token_status().lifecycle == Lifecycle::initialised) set_bench_pin();
}

// ---- keys and certificates -----------------------------------------------------------------------------------------

void IssueJob::keys() {
    if (token_.token_status().lifecycle != Lifecycle::initialised) return;
    {
        const token::Token::Transaction transaction(token_);
        authenticate();
        ensure_device_identity(token_, inventory_, authority_, keys_.device_root.get(), row_, input_.operator_name);
    }
    for (const auto role : ca::kRoles) make_key(role);
    note("keys");
}

// The decryption key that a key centre makes: 9D gets a key of its own first, which the envelope is for and which goes
// with it. So the bench carries what it can't read, as everybody else. After an interruption all of it is done again.
token::PublicKey IssueJob::bring_key() {
    const std::uint8_t slot = ca::slot_of(ca::Role::decryption);
    const auto recipient = token_.generate(slot, protocol::Algorithm::p256);
    ca::CentreOrder order{row_.serial, {}, algorithm_of(input_.order), ca::spki_of(public_key_of(recipient).get())};
    const auto guid = ca::unhex(row_.guid);
    std::copy_n(guid.begin(), order.name.size(), order.name.begin());
    const ca::CentreKey given = key_centre_of(authority_)->order(order);
    {
        Inventory::Work work(inventory_, input_.operator_name);
        work.audit("key-centre", row_.serial, {{"slot", "9D"}, {"key_sha256", ca::sha256_hex(given.public_key)}});
        work.commit();
    }
    token::bring_key(token_, order.name, order.algorithm, given.envelope);
    auto brought = token_.metadata(slot).public_key;
    if (ca::spki_of(public_key_of(brought).get()) == given.public_key) return brought;
    throw CaError(Fault::quality, mark("The key in %1 isn't the one that the key centre made."), {"9D"});
}

void IssueJob::make_key(ca::Role role) {
    const std::string name = ca::name_of(role);
    const std::uint8_t slot = ca::slot_of(role);
    if (const auto row = inventory_.live_certificate(row_.serial, name)) {
        // Made before the interruption: the key must still be the one that was certified.
        std::optional<token::KeyMetadata> metadata;
        try {
            metadata = token_.metadata(slot);
        } catch (const token::TokenError& error) {
            if (error.kind() != token::Kind::not_found) throw;
        }
        if (metadata && ca::sha256_hex(ca::spki_of(public_key_of(metadata->public_key).get())) == row->spki) {
            const token::Token::Transaction transaction(token_);
            authenticate();
            token_.write_certificate(slot, ca::unhex(row->der));
            return;
        }
        Inventory::Work work(inventory_, input_.operator_name);
        work.revoke_certificate(row->serial, "superseded", ca::now());
        work.commit();
    }
    const token::Token::Transaction transaction(token_);
    authenticate();
    const auto made = from_centre(input_.order, name) ? bring_key() : token_.generate(slot, algorithm_of(input_.order));
    token_.verify(bench_pin_.bytes());
    const auto request = make_request(token_, slot, made);
    const ca::PKey key = ca::check_request(request, Bytes(ca::spki_of(public_key_of(made).get())));
    const AttestedKey evidence = require_attested(token_, device_trust(authority_, inventory_),
                                                  attestation_order(authority_, row_, role, ca::spki_of(key.get())));

    const ca::Issuer issuer = authority_.issuer(keys_.issuing.get());
    const int days = input_.order.valid_days != 0 ? input_.order.valid_days : authority_.settings().certificate_days;
    const ca::Subject subject{input_.order.enterprise_name, row_.unified_code, row_.login_name};
    const ca::Cert certificate =
        ca::issue_certificate(issuer, role, subject, key.get(), ca::now(), ca::now() + std::chrono::hours(24) * days);
    const auto der = ca::der_of(certificate.get());
    Inventory::Work work(inventory_, input_.operator_name);
    note_attestation(work, row_, role, evidence);
    work.add_certificate({ca::serial_of(certificate.get()), row_.serial, name, ca::hex(der),
                          ca::sha256_hex(ca::spki_of(key.get())),
                          ca::iso_time(ca::time_of(X509_get0_notAfter(certificate.get()))), "", ""});
    work.commit();
    token_.write_certificate(slot, der);
}

// ---- record, issuer certificate, seal ------------------------------------------------------------------------------

void IssueJob::contents() {
    if (token_.token_status().lifecycle != Lifecycle::initialised) return;
    const auto signing = inventory_.live_certificate(row_.serial, ca::name_of(ca::Role::signature));
    if (!signing) throw CaError(Fault::quality, mark("The inventory has no certificate for slot 9C."));
    const Order& order = input_.order;
    token::EnterpriseRecord record;
    record.unified_code = order.unified_code;
    if (!order.old_code.empty()) record.old_code = order.old_code;
    record.login_name = row_.login_name;
    record.enterprise_name = order.enterprise_name;
    record.key_number = row_.key_number;
    record.key_limit = kKeysPerEnterprise;
    record.issued_on = day_of(ca::iso_time(ca::now()));
    record.valid_until = day_of(signing->not_after);
    if (!order.english_name.empty()) record.english_name = order.english_name;
    if (!order.authorised_user.empty()) record.authorised_user = order.authorised_user;
    const auto record_bytes = token::encode_record(record);

    ca::ByteVector seal_bytes;
    if (!input_.picture.empty()) {
        seal::SealInfo info;
        info.vendor = kSealVendor;
        info.id = row_.serial + "-" + ca::sha256_hex(ca::unhex(signing->der)).substr(0, 8);
        info.name = order.seal_name.empty() ? order.enterprise_name : order.seal_name;
        info.certificates = {ca::unhex(signing->der)};
        info.created = info.not_before = ca::now();
        info.not_after = ca::parse_iso_time(signing->not_after);
        info.picture = {"PNG", input_.picture, order.seal_width_mm, order.seal_height_mm};
        seal_bytes = seal::make_seal(info, keys_.maker.get(), authority_.seal_maker());
    }
    {
        Inventory::Work work(inventory_, input_.operator_name);
        work.set_contents(row_.serial, ca::hex(record_bytes), ca::hex(seal_bytes));
        work.commit();
    }
    const token::Token::Transaction transaction(token_);
    authenticate();
    token_.write_object(protocol::object::enterprise_record, record_bytes);
    token_.write_object(protocol::object::issuer_certificate,
                        token::object_of_certificate(ca::der_of(authority_.issuing())));
    if (!seal_bytes.empty()) token_.write_object(protocol::object::seal, seal_bytes);
    note("contents");
}

// ---- checks and the end --------------------------------------------------------------------------------------------

void IssueJob::check_a() {
    if (token_.token_status().lifecycle != Lifecycle::initialised) return;
    const Expected expected = expected_of(inventory_, authority_, row_);
    check_contents(token_, expected, authority_, [](const std::string&) {});
    if (input_.reader.empty()) {
        check_by_client(token_, bench_pin_.bytes(), expected, checked());
    } else {
        check_by_opensc(input_.reader, bench_pin_.bytes(), expected, checked());
    }
    note("checked");
}

void IssueJob::secure() {
    if (token_.token_status().lifecycle == Lifecycle::initialised) {
        const token::Token::Transaction transaction(token_);
        authenticate();
        token_.set_lifecycle(Lifecycle::secured);
    }
    if (row_.state == TokenState::initialised) {
        const auto lock = token_.token_status().lock;
        Inventory::Work work(inventory_, input_.operator_name);
        if (!compatibility()) work.set_delivery_salt(row_.serial, lock.salt);
        work.set_state(row_.serial, TokenState::personalised, "secured");
        note(work, "secured");
    }
}

void IssueJob::check_b() {
    const Expected expected = expected_of(inventory_, authority_, row_);
    check_contents(token_, expected, authority_, checked());
    if (compatibility()) return;  // it keeps the published secrets, and says so in its status
    DeadSecrets dead;
    if (input_.birth != nullptr) dead.transport_keys = &input_.birth->transport_keys;
    if (!bench_pin_.empty()) dead.bench_pin = bench_pin_.bytes();
    check_secrets(token_, expected, {keys_.masters, keys_.channel_master}, dead, checked());
}

void IssueJob::done() {
    token_.close_channel();
    bench_pin_.clear();
    note("done");
}

}  // namespace sealkey::bench

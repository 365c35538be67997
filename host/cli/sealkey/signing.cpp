#include "cli/sealkey/signing.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/pin_entry.h"
#include "sign/trust.h"

namespace sealkey::cli {

namespace {

// What a fault is to somebody who makes, and to somebody who checks.
template <class Fault>
struct FaultRow {
    Fault fault;
    Exit making;
    Exit checking;
};

constexpr FaultRow<seal::Fault> kSealFaults[] = {
    {seal::Fault::malformed, Exit::bad_input, Exit::not_verified},
    {seal::Fault::unsupported, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::too_large, Exit::bad_input, Exit::bad_input},
    {seal::Fault::bad_argument, Exit::bad_input, Exit::bad_input},
    {seal::Fault::bad_picture, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::bad_certificate, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::wrong_signature, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::maker_untrusted, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::maker_expired, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::maker_revoked, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::bad_revocation_list, Exit::bad_input, Exit::bad_input},
    {seal::Fault::not_yet_valid, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::expired, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::certificate_not_listed, Exit::not_allowed, Exit::not_verified},
    {seal::Fault::crypto, Exit::failed, Exit::failed},
};

constexpr FaultRow<sign::Fault> kSignFaults[] = {
    {sign::Fault::no_certificate, Exit::not_found, Exit::not_found},
    {sign::Fault::expired_certificate, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::unsupported_key, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::wrong_key, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::no_seal, Exit::not_found, Exit::not_found},
    {sign::Fault::bad_page, Exit::bad_input, Exit::bad_input},
    {sign::Fault::not_a_pdf, Exit::bad_input, Exit::bad_input},
    {sign::Fault::encrypted_pdf, Exit::bad_input, Exit::bad_input},
    {sign::Fault::locked_pdf, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::too_large, Exit::bad_input, Exit::bad_input},
    {sign::Fault::malformed, Exit::bad_input, Exit::not_verified},
    {sign::Fault::no_signature, Exit::not_found, Exit::not_verified},
    {sign::Fault::wrong_signature, Exit::bad_input, Exit::not_verified},
    {sign::Fault::added_data, Exit::bad_input, Exit::not_verified},
    {sign::Fault::untrusted, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::revoked, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::bad_time, Exit::not_allowed, Exit::not_verified},
    {sign::Fault::no_timestamp, Exit::failed, Exit::failed},
    {sign::Fault::bad_timestamp, Exit::failed, Exit::not_verified},
    {sign::Fault::untrusted_timestamp, Exit::failed, Exit::not_verified},
    {sign::Fault::bad_authority_file, Exit::bad_input, Exit::bad_input},
    {sign::Fault::crypto, Exit::failed, Exit::failed},
};

// What to do next, for the faults where something can be done.
const char* advice(seal::Fault fault) {
    switch (fault) {
        case seal::Fault::expired:
        case seal::Fault::certificate_not_listed:
        case seal::Fault::maker_expired:
        case seal::Fault::maker_revoked:
            return mark("Ask your provider for a new seal.");
        case seal::Fault::wrong_signature:
        case seal::Fault::malformed:
            return mark("Don't use this seal; tell your provider.");
        default:
            return nullptr;
    }
}

const char* advice(sign::Fault fault) {
    switch (fault) {
        case sign::Fault::expired_certificate:
            return mark("Ask your provider for a renewal.");
        case sign::Fault::no_seal:
            return mark("Your provider can put one on it.");
        case sign::Fault::encrypted_pdf:
            return mark("Save it without a password first.");
        case sign::Fault::no_timestamp:
        case sign::Fault::bad_timestamp:
            return mark("Try again later, or with another authority.");
        default:
            return nullptr;
    }
}

template <class Error, class Rows>
Failed told(const Error& error, const char* name, const Rows& rows, Purpose purpose) {
    Exit code = Exit::failed;
    for (const auto& row : rows) {
        if (row.fault == error.fault()) code = purpose == Purpose::making ? row.making : row.checking;
    }
    std::string message = printable(message::filled(tr(error.text()), error.arguments()));
    if (purpose == Purpose::making) {
        if (const char* next = advice(error.fault())) message += std::string(" ") + tr(next);
        message += std::string(" ") + tr("Nothing was written.");
    }
    return {code, message, {{"fault", name}, {"detail", printable(error.what())}}};
}

}  // namespace

Exit explained(Purpose purpose, const std::function<Exit()>& work) {
    try {
        return work();
    } catch (const seal::SealError& error) {
        throw told(error, seal::fault_name(error.fault()), kSealFaults, purpose);
    } catch (const sign::SignError& error) {
        throw told(error, sign::fault_name(error.fault()), kSignFaults, purpose);
    }
}

token::ByteVector read_file(const std::string& path, std::size_t limit) {
    const auto fail = [&](int reason) {
        throw Failed(Exit::file_error, fill(tr("%1 can't be read: %2"), {path, std::strerror(reason)}));
    };
    std::ifstream file;
    if (path != "-") {
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) fail(errno);
        if (S_ISDIR(info.st_mode)) fail(EISDIR);
        file.open(path, std::ios::binary);
        if (!file) fail(errno);
    }
    std::istream& in = path == "-" ? std::cin : file;
    token::ByteVector out;
    char part[65536];
    while (in.read(part, sizeof part) || in.gcount() > 0) {
        out.insert(out.end(), part, part + in.gcount());
        if (out.size() > limit) throw Failed(Exit::bad_input, fill(tr("%1 is too large."), {path}));
    }
    if (in.bad()) fail(EIO);
    return out;
}

void require_new_file(const std::string& output, const std::string& input, bool force) {
    struct stat there {};
    if (output == "-" || ::stat(output.c_str(), &there) != 0) return;
    struct stat source {};
    if (input != "-" && ::stat(input.c_str(), &source) == 0 && source.st_dev == there.st_dev &&
        source.st_ino == there.st_ino)
        throw Failed(Exit::bad_input, tr("The output would overwrite the input. Give it another name."));
    if (!force && !S_ISCHR(there.st_mode) && !S_ISFIFO(there.st_mode))
        throw Failed(Exit::bad_input, fill(tr("%1 is there already; --force overwrites it."), {output}));
}

seal::Time time_now() { return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::unique_ptr<sign::TokenKey> signing_key(FoundKey& key, std::uint8_t slot, const SecretInput& pin) {
    return std::make_unique<sign::TokenKey>(*key.token, slot, [&key, &pin] {
        // Lives until the signature is made: the sign of life covers the key's work too.
        struct Entry {
            explicit Entry(SecretText entered) : secret(std::move(entered)) {}
            SecretText secret;
            std::optional<Busy> busy;
        };
        const auto entry = std::make_shared<Entry>(pin.read(pin_prompt(key.status)));
        return [&key, entry](token::Token& token) {
            entry->busy.emplace(tr("The key is signing"));
            try {
                token.verify(entry->secret.bytes());
            } catch (const token::TokenError& error) {
                explain_wrong_pin(key, error);
            }
        };
    });
}

void TrustFiles::add_to(CLI::App& command, bool signers, bool seals) {
    if (signers) {
        command.add_option("--ca", authorities_, tr("Certificates of the authority that issues to signers (PEM)"))
            ->required()
            ->type_name(tr("FILE"));
        command.add_option("--crl", crl_, tr("Revocation lists of that authority (PEM)"))->type_name(tr("FILE"));
        command
            .add_option("--timestamp-ca", timestamp_authorities_,
                        tr("Certificates of the authority for timestamps (PEM); a signature's timestamp then says when "
                           "it was made"))
            ->type_name(tr("FILE"));
    }
    if (!seals) return;
    command.add_option("--seal-ca", seal_authorities_, tr("Certificates of the authority for seals (PEM)"))
        ->type_name(tr("FILE"));
    command
        .add_option("--seal-crl", seal_crls_,
                    tr("Revocation lists of that authority (PEM or DER); may be given several times"))
        ->type_name(tr("FILE"));
}

sign::Trust TrustFiles::read() const {
    if (!seal_crls_.empty() && seal_authorities_.empty())
        throw Failed(Exit::usage, tr("--seal-crl goes with --seal-ca, whose list it is."));
    sign::Trust trust;
    if (!authorities_.empty()) trust.authorities = sign::read_certificates(read_file(authorities_, kMaxAuthorityFile));
    if (!crl_.empty()) trust.crls = sign::read_crls(read_file(crl_, kMaxAuthorityFile));
    if (!seal_authorities_.empty())
        trust.seal_authorities = sign::read_certificates(read_file(seal_authorities_, kMaxAuthorityFile));
    for (const std::string& path : seal_crls_) {
        auto lists = sign::read_crls(read_file(path, kMaxAuthorityFile));
        std::move(lists.begin(), lists.end(), std::back_inserter(trust.seal_crls));
    }
    if (!timestamp_authorities_.empty())
        trust.timestamp_authorities = sign::read_certificates(read_file(timestamp_authorities_, kMaxAuthorityFile));
    return trust;
}

void require_maker(const seal::Seal& seal, const sign::Trust& trust, seal::Time now) {
    seal::verify_seal(seal, trust.seal_authorities, now);
    if (!trust.seal_crls.empty()) seal::require_maker_in_use(seal, trust.seal_authorities, trust.seal_crls, now);
}

void TimestampChoice::add_to(CLI::App& command) {
    command
        .add_option("--timestamp", url_,
                    tr("Have this authority (RFC 3161, http:// or https://) vouch for the time; without its answer "
                       "nothing is written"))
        ->type_name("URL");
}

sign::Timestamper TimestampChoice::timestamper() {
    if (url_.empty()) return {};
    if (!url_.starts_with("http://") && !url_.starts_with("https://"))
        throw Failed(Exit::usage, tr("--timestamp wants an address that begins with http:// or https://"));
    return [this](Bytes signature) {
        Busy busy(tr("Waiting for the timestamp"));
        const auto request = sign::request_timestamp(signature);
        const auto answer = sign::post_timestamp_request(url_, request.der);
        made_ = sign::read_timestamp_answer(answer, signature, request.nonce, time_now());
        return made_->token;
    };
}

nlohmann::json TimestampChoice::said(const Output& out) const {
    if (!made_) return nullptr;
    say_timestamp(out, *made_);
    return timestamp_json(*made_);
}

nlohmann::json timestamp_json(const sign::Timestamp& timestamp) {
    return {{"time", seal::iso_time(timestamp.time)},
            {"authority", certificate_json(view_certificate(timestamp.authority))}};
}

void say_timestamp(const Output& out, const sign::Timestamp& timestamp) {
    out.field(tr("Timestamp"),
              fill(tr("%1 by %2"), {seal::iso_time(timestamp.time), view_certificate(timestamp.authority).subject}));
}

nlohmann::json seal_json(const seal::Seal& seal) {
    const seal::SealInfo& info = seal.info;
    nlohmann::json certificates = nlohmann::json::array();
    for (const auto& certificate : info.certificates)
        certificates.push_back(certificate_json(view_certificate(certificate)));
    nlohmann::json digests = nlohmann::json::array();
    for (const auto& digest : info.digests) digests.push_back(hex(digest));
    return {{"id", info.id},
            {"vendor", info.vendor},
            {"type", info.type == seal::SealType::organisation ? "organisation" : "person"},
            {"name", info.name},
            {"created", seal::iso_time(info.created)},
            {"valid_from", seal::iso_time(info.not_before)},
            {"valid_until", seal::iso_time(info.not_after)},
            {"picture",
             {{"type", info.picture.type},
              {"bytes", info.picture.data.size()},
              {"width_mm", info.picture.width_mm},
              {"height_mm", info.picture.height_mm}}},
            {"certificates", certificates},
            {"certificate_digests", digests},
            {"maker", certificate_json(view_certificate(seal.maker_certificate))},
            {"bytes", seal.der.size()}};
}

void say_seal(const Output& out, const seal::Seal& seal) {
    const seal::SealInfo& info = seal.info;
    out.field(tr("Seal"), printable(info.name));
    out.field(tr("Number"), printable(info.id));
    out.field(tr("Valid"), fill(tr("%1 to %2"), {seal::iso_time(info.not_before), seal::iso_time(info.not_after)}));
    out.field(tr("Picture"), fill(tr("%1, %2 x %3 mm"), {info.picture.type, std::to_string(info.picture.width_mm),
                                                         std::to_string(info.picture.height_mm)}));
    out.field(tr("Made by"), view_certificate(seal.maker_certificate).subject);
    for (const auto& certificate : info.certificates) {
        const auto view = view_certificate(certificate);
        out.field(tr("For certificate"), fill(tr("%1, serial %2"), {view.subject, view.serial}));
    }
    for (const auto& digest : info.digests) out.field(tr("For certificate"), hex(digest));
}

}  // namespace sealkey::cli

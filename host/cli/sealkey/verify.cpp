// sealkey verify
#include <memory>

#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/signing.h"

namespace sealkey::cli {

namespace {

struct VerifyOptions {
    std::string file;
    std::string signature;
    TrustFiles trust;
};

constexpr std::size_t kMaxSignature = 1024 * 1024;

nlohmann::json describe(const sign::Verified& by) {
    nlohmann::json out = {{"signer", certificate_json(view_certificate(by.certificate))}};
    out["signed_at"] = by.says_time || by.timestamp ? nlohmann::json(seal::iso_time(by.signed_at)) : nlohmann::json();
    out["timestamp"] = by.timestamp ? timestamp_json(*by.timestamp) : nlohmann::json();
    out["has_timestamp"] = by.has_timestamp;
    return out;
}

void say(const Output& out, const sign::Verified& by) {
    out.field(tr("Signed by"), view_certificate(by.certificate).subject);
    if (by.timestamp) {
        say_timestamp(out, *by.timestamp);
        return;
    }
    if (by.says_time) out.field(tr("Signed at"), fill(tr("%1 (as the signer says)"), {seal::iso_time(by.signed_at)}));
    if (by.has_timestamp) out.say(tr("Its timestamp wasn't checked: --timestamp-ca says which authority is trusted."));
}

Exit verify_detached(Context& context, const VerifyOptions& options, const sign::Trust& trust) {
    const auto data = read_file(options.file, kMaxSignedFile);
    const auto cms = read_file(options.signature, kMaxSignature);
    const auto by = sign::verify_detached(cms, {data}, trust, time_now());
    say(context.out, by);
    context.out.say(tr("The signature is good."));
    context.out.result = {{"file", options.file}, {"signatures", nlohmann::json::array({describe(by)})}};
    return Exit::ok;
}

// A stamp is only as good as its seal, so one can't be checked without knowing who makes seals.
std::vector<sign::VerifiedPdfSignature> check(const token::ByteVector& file, const VerifyOptions& options,
                                              const sign::Trust& trust) {
    try {
        return sign::verify_pdf(file, trust, time_now());
    } catch (const seal::SealError& error) {
        if (error.fault() != seal::Fault::maker_untrusted || options.trust.has_seal_authorities()) throw;
        throw Failed(Exit::usage, tr("The PDF bears a seal. Say with --seal-ca which authority for seals is trusted."));
    }
}

Exit verify_document(Context& context, const VerifyOptions& options, const sign::Trust& trust) {
    const auto file = read_file(options.file, kMaxSignedFile);
    nlohmann::json list = nlohmann::json::array();
    const auto signatures = check(file, options, trust);
    for (const auto& one : signatures) {
        nlohmann::json entry = describe(one.by);
        entry["field"] = one.place.field;
        entry["covers_whole_file"] = one.place.covered_end == file.size();
        say(context.out, one.by);
        if (one.seal) {
            entry["seal"] = seal_json(*one.seal);
            say_seal(context.out, *one.seal);
        } else {
            // Whatever picture stands on the page: no maker of seals stands behind it.
            entry["seal"] = nullptr;
            context.out.say(tr("This signature carries no electronic seal."));
        }
        list.push_back(entry);
    }
    const auto count = static_cast<unsigned long>(signatures.size());
    context.out.say(fill(
        trn("The PDF bears %1 signature, and it is good.", "The PDF bears %1 signatures, and they are good.", count),
        {std::to_string(count)}));
    context.out.result = {{"file", options.file}, {"signatures", list}};
    return Exit::ok;
}

}  // namespace

Run define_verify(CLI::App& command) {
    const auto options = std::make_shared<VerifyOptions>();
    command.add_option("file", options->file, tr("A signed or stamped PDF, or any file with its --signature"))
        ->required()
        ->type_name("");
    command.add_option("--signature", options->signature, tr("The detached signature (CMS, DER)"))
        ->type_name(tr("FILE"));
    options->trust.add_to(command, true, true);
    return [options](Context& context) {
        return explained(Purpose::checking, [&] {
            const sign::Trust trust = options->trust.read();
            return options->signature.empty() ? verify_document(context, *options, trust)
                                              : verify_detached(context, *options, trust);
        });
    };
}

}  // namespace sealkey::cli

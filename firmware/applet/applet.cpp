#include "applet/applet.h"

#include <variant>

#include "applet/about.h"
#include "applet/access.h"
#include "applet/attestation.h"
#include "applet/birth.h"
#include "applet/channel_keys.h"
#include "applet/lock.h"
#include "applet/management.h"
#include "applet/pin.h"
#include "applet/staging.h"
#include "base/tlv.h"

namespace sealkey::applet {

namespace {

constexpr std::size_t kRidSize = 5;  // the shortest name that means PIV

// Application property template (SP 800-73-4 part 2, 3.1.1): the rest of the name after the RID, the issuing authority,
// and what we call ourselves.
constexpr std::uint8_t kPropertyTemplate[] = {0x61, 0x1A, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00,
                                              0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x50,
                                              0x07, 's',  'e',  'a',  'l',  'k',  'e',  'y'};

}  // namespace

bool Applet::has_name(Bytes aid) const {
    const Bytes whole(protocol::kPivAid);
    return aid.size() >= kRidSize && aid.size() <= whole.size() && equal(aid, whole.first(aid.size()));
}

StatusWord Applet::select(iso7816::Response& response) {
    if (core_.failed) return sw::self_test_failed;
    core_.session.challenge.clear();
    core_.channel.session.close();
    return response.set(kPropertyTemplate);
}

StatusWord Applet::process(const iso7816::Command& command, iso7816::Response& response) {
    if (core_.failed) return sw::self_test_failed;
    const auto parsed = parse(command);
    if (!parsed) return parsed.error();
    const StatusWord status = std::visit([&](const auto& typed) { return run(typed, response); }, *parsed);
    if (!core_.drbg.tests().failed()) return status;
    core_.failed = true;  // an algorithm that the command was about to use gave a wrong known answer
    return sw::self_test_failed;
}

StatusWord Applet::process_secure(const iso7816::Header& header, MutableBytes work, std::size_t size,
                                  Response& response) {
    if (core_.failed) return sw::self_test_failed;
    channel::Scp03& session = core_.channel.session;
    iso7816::Command command;
    command.header = header;
    command.data = work.first(size);
    // EXTERNAL AUTHENTICATE has the class of a wrapped command and is none.
    if (header.cla == protocol::kClaSecureOwn &&
        header.ins == static_cast<std::uint8_t>(protocol::ChannelIns::external_authenticate)) {
        return process(command, response);
    }
    const auto plain = session.unwrap(header, work.first(size));
    if (!plain) return plain.error();
    command.header.cla = static_cast<std::uint8_t>(header.cla & ~protocol::kClaSecure);
    command.data = work.first(*plain);
    // The channel's authority belongs to this one command: a plain one in between has none of it.
    core_.session.channel_command = session.level() == protocol::SecurityLevel::full;
    const StatusWord status = run_unwrapped(command, work, response);
    core_.session.channel_command = false;
    const StatusWord answered = wrap(status, response);
    // The command may have taken the channel's keys away: what they opened ends with its answer.
    if (!core_.store.contains(id::channel_keys)) session.close();
    return answered;
}

StatusWord Applet::run_unwrapped(const iso7816::Command& command, MutableBytes work, Response& response) {
    // Another opening inside an open channel: there would be nothing left to wrap its answer with.
    if (command.header.cla == protocol::kClaOwn &&
        command.header.ins == static_cast<std::uint8_t>(protocol::ChannelIns::initialize_update)) {
        return sw::conditions_not_satisfied;
    }
    if (streams(command.header)) return writer_.block(command.header, command.data, true, true, work);
    return process(command, response);
}

StatusWord Applet::wrap(StatusWord status, Response& response) {
    if (!protocol::is_protected_answer(status)) {
        response.clear();
        return status;
    }
    // It has no warning that carries bytes of its own.
    if (status != sw::ok) response.clear();
    if (!response.gather(channel::Scp03::kWrapRoom)) {
        response.clear();
        return sw::not_enough_memory;
    }
    const auto size = core_.channel.session.wrap(status, response.head_buffer(), response.head_size());
    if (!size) {
        response.clear();
        return sw::internal_error;
    }
    response.set_head_size(*size);
    return status;
}

bool Applet::streams(const iso7816::Header& header) const {
    return header.cla == 0 && header.ins == static_cast<std::uint8_t>(protocol::Ins::put_data);
}

StatusWord Applet::stream_block(const iso7816::Header& header, Bytes block, bool first, bool last,
                                MutableBytes scratch) {
    if (core_.failed) return sw::self_test_failed;
    return writer_.block(header, block, first, last, scratch);
}

void Applet::reset() {
    core_.session.clear();
    core_.channel.session.close();
    core_.key_buffer.clear();
    abandon_loading(core_);
    writer_.abandon();
}

namespace {

// Runs `action` when the table allows it.
template <class Action>
StatusWord when_allowed(const Core& core, Right right, std::uint32_t subject, Action action) {
    const StatusWord status = check_access(core, right, subject);
    return status == sw::ok ? action() : status;
}

}  // namespace

// The commands whose right depends on an object or a slot ask the table themselves, with that subject.
StatusWord Applet::run(const GetData& c, Response& r) { return run_get_data(core_, c, source_, r); }
StatusWord Applet::run(const ReadPart& c, Response& r) { return run_read_part(core_, c, source_, r); }
StatusWord Applet::run(const GenerateKey& c, Response& r) { return run_generate(core_, c, r); }
StatusWord Applet::run(const ImportKey& c, Response&) { return run_import(core_, c); }
StatusWord Applet::run(const MoveKey& c, Response&) { return run_move(core_, c); }
StatusWord Applet::run(const UseKey& c, Response& r) { return run_use_key(core_, c, r); }
StatusWord Applet::run(const Attest& c, Response& r) { return run_attest(core_, c, r); }

StatusWord Applet::run(const Verify& c, Response&) {
    return when_allowed(core_, Right::verify, 0, [&] { return run_verify(core_, c); });
}
StatusWord Applet::run(const ChangeReference& c, Response&) {
    const Right right = c.reference == protocol::ref::pin ? Right::change_pin : Right::change_puk;
    return when_allowed(core_, right, 0, [&] { return run_change_reference(core_, c); });
}
StatusWord Applet::run(const ResetRetryCounter& c, Response&) {
    return when_allowed(core_, Right::unblock_by_puk, 0, [&] { return run_reset_retry_counter(core_, c); });
}
StatusWord Applet::run(const AuthenticateManagement& c, Response& r) {
    return when_allowed(core_, Right::authenticate_management, 0,
                        [&] { return run_authenticate_management(core_, c, r); });
}
StatusWord Applet::run(const GetMetadata& c, Response& r) {
    return when_allowed(core_, Right::get_metadata, 0, [&] { return run_get_metadata(core_, c, r); });
}
StatusWord Applet::run(const GetSerial&, Response& r) {
    return when_allowed(core_, Right::get_serial, 0, [&] { return run_get_serial(core_, r); });
}
StatusWord Applet::run(const GetVersion&, Response& r) {
    return when_allowed(core_, Right::get_version, 0, [&] { return r.set(protocol::kVendorVersion); });
}
StatusWord Applet::run(const SetRetries& c, Response&) {
    return when_allowed(core_, Right::set_retries, 0, [&] { return run_set_retries(core_, c); });
}
StatusWord Applet::run(const SetManagementKey& c, Response&) {
    return when_allowed(core_, Right::set_management_key, 0, [&] { return run_set_management_key(core_, c); });
}
StatusWord Applet::run(const ResetApplet&, Response&) {
    return when_allowed(core_, Right::reset_applet, 0, [&] { return run_reset(core_); });
}
StatusWord Applet::run(const TokenStatus&, Response& r) {
    return when_allowed(core_, Right::token_status, 0, [&] { return run_token_status(core_, r); });
}
StatusWord Applet::run(const RedeemCode& c, Response& r) {
    return when_allowed(core_, Right::redeem_code, 0, [&] { return run_redeem(core_, c, r); });
}
StatusWord Applet::run(const Initialise& c, Response&) {
    return when_allowed(core_, Right::initialise, 0, [&] { return run_initialise(core_, c); });
}
StatusWord Applet::run(const SetBenchPin& c, Response&) {
    return when_allowed(core_, Right::set_bench_pin, 0, [&] { return run_set_bench_pin(core_, c); });
}
StatusWord Applet::run(const SetLifecycle& c, Response&) {
    return when_allowed(core_, Right::set_lifecycle, 0, [&] { return run_set_lifecycle(core_, c); });
}

StatusWord Applet::run(const WritePart& c, Response&) { return writer_.part(c); }
StatusWord Applet::run(const InitializeUpdate& c, Response& r) {
    return when_allowed(core_, Right::open_channel, 0, [&] { return run_initialize_update(core_, c, r); });
}
StatusWord Applet::run(const ExternalAuthenticate& c, Response&) {
    return when_allowed(core_, Right::open_channel, 0, [&] { return run_external_authenticate(core_, c); });
}
StatusWord Applet::run(const PutKey& c, Response& r) {
    return when_allowed(core_, Right::put_channel_keys, 0, [&] { return run_put_key(core_, c, r); });
}
StatusWord Applet::run(const RenewalCommand& c, Response& r) {
    const bool asks = std::holds_alternative<StageStatus>(c);
    return when_allowed(core_, asks ? Right::renewal_status : Right::renew, 0, [&] {
        // The store has one stream: an object that was coming in by parts must be sent anew.
        if (std::holds_alternative<StagePart>(c)) writer_.abandon();
        return run_renewal(core_, c, r);
    });
}

}  // namespace sealkey::applet

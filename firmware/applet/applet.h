// The PIV application: selection, and from typed commands to behaviour.
#pragma once

#include "applet/commands.h"
#include "applet/data_objects.h"
#include "applet/keys.h"
#include "applet/state.h"
#include "iso7816/application.h"

namespace sealkey::applet {

class Applet final : public iso7816::Application {
public:
    explicit Applet(Core& core) : core_(core), source_(core.store), writer_(core) {}

    [[nodiscard]] bool has_name(Bytes aid) const override;
    [[nodiscard]] StatusWord select(iso7816::Response& response) override;
    void arrived(const iso7816::Header& header) override { end_pin_always(core_, header); }
    [[nodiscard]] StatusWord process(const iso7816::Command& command, iso7816::Response& response) override;
    [[nodiscard]] StatusWord process_secure(const iso7816::Header& header, MutableBytes work, std::size_t size,
                                            iso7816::Response& response) override;
    void select_failed() override { core_.channel.session.close(); }
    [[nodiscard]] bool streams(const iso7816::Header& header) const override;
    [[nodiscard]] StatusWord stream_block(const iso7816::Header& header, Bytes block, bool first, bool last,
                                          MutableBytes scratch) override;
    void stream_abandon() override { writer_.abandon(); }
    void reset() override;

private:
    using Response = iso7816::Response;
    StatusWord run(const GetData& c, Response& r);
    StatusWord run(const Verify& c, Response& r);
    StatusWord run(const ChangeReference& c, Response& r);
    StatusWord run(const ResetRetryCounter& c, Response& r);
    StatusWord run(const GenerateKey& c, Response& r);
    StatusWord run(const AuthenticateManagement& c, Response& r);
    StatusWord run(const UseKey& c, Response& r);
    StatusWord run(const ImportKey& c, Response& r);
    StatusWord run(const MoveKey& c, Response& r);
    StatusWord run(const GetMetadata& c, Response& r);
    StatusWord run(const GetSerial& c, Response& r);
    StatusWord run(const GetVersion& c, Response& r);
    StatusWord run(const Attest& c, Response& r);
    StatusWord run(const SetRetries& c, Response& r);
    StatusWord run(const SetManagementKey& c, Response& r);
    StatusWord run(const ResetApplet& c, Response& r);
    StatusWord run(const TokenStatus& c, Response& r);
    StatusWord run(const ReadPart& c, Response& r);
    StatusWord run(const RedeemCode& c, Response& r);
    StatusWord run(const Initialise& c, Response& r);
    StatusWord run(const SetBenchPin& c, Response& r);
    StatusWord run(const SetLifecycle& c, Response& r);
    StatusWord run(const WritePart& c, Response& r);
    StatusWord run(const InitializeUpdate& c, Response& r);
    StatusWord run(const ExternalAuthenticate& c, Response& r);
    StatusWord run(const PutKey& c, Response& r);
    StatusWord run_unwrapped(const iso7816::Command& command, MutableBytes work, Response& r);
    StatusWord wrap(StatusWord status, Response& r);
    StatusWord run(const RenewalCommand& c, Response& r);

    Core& core_;
    ObjectSource source_;
    ObjectWriter writer_;
};

}  // namespace sealkey::applet

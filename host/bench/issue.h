// Making one key, from BLANK to ready for its parcel. A job whose steps are noted in the inventory: when one fails, the
// same key with the same order goes on where it stopped.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "bench/birth_record.h"
#include "bench/channel.h"
#include "bench/inventory.h"
#include "bench/order.h"
#include "bench/quality.h"
#include "ca/authority.h"
#include "protocol/limits.h"
#include "token/token.h"

namespace sealkey::bench {

// In their order. "done" is the last.
enum class Step { admit, birth, keys, contents, check_a, secure, check_b, done };
[[nodiscard]] const char* name_of(Step step);

// The CA's secrets that a key is made with. Reading them takes a second on purpose; many jobs share them.
struct BenchKeys {
    // Throws CaError bad_passphrase, unknown, corrupt, file.
    BenchKeys(const ca::Authority& authority, Bytes passphrase);
    ca::Masters masters;
    ca::ChannelMaster channel_master;
    ca::PKey issuing;
    ca::PKey maker;
    ca::PKey device_root;
};

struct IssueInput {
    Order order;
    ca::ByteVector picture;  // PNG of the seal; empty: none
    std::string operator_name;
    const BirthRecord* birth = nullptr;  // of this token; a compatibility key's is needed while it is BLANK only
    std::string reader;                  // as PC/SC names it, for OpenSC; empty: not at PC/SC (a simulator's socket)
    // In the transaction that takes the order into the inventory, so that both are there or neither.
    std::function<void(Inventory::Work&, const TokenRow&)> admitted;
    // In each transaction that notes the end of a step.
    std::function<void(Inventory::Work&, Step)> ended;
};

struct IssueResult {
    TokenRow row;
    std::vector<CertificateRow> certificates;  // the enterprise's
    std::vector<std::string> checks;
    std::string replaced;  // serial of the key that was revoked first, if any
    bool resumed = false;
};

// What the job tells while it goes on.
using StepBegins = std::function<void(Step)>;

class IssueJob {
public:
    IssueJob(Inventory& inventory, const ca::Authority& authority, const BenchKeys& keys, token::Token& token,
             IssueInput input);

    // Throws what the steps throw; step() then says which one it was. serial() is known from the first step on.
    IssueResult run(const StepBegins& begins);
    [[nodiscard]] Step step() const { return step_; }
    [[nodiscard]] const std::string& serial() const { return row_.serial; }

private:
    void admit();
    void resume(const TokenRow& row);
    void require_birth_record() const;
    void admit_new(const std::string& chip_id);
    void birth();
    void initialise();
    void keys();
    void contents();
    void check_a();
    void secure();
    void check_b();
    void done();

    void make_key(ca::Role role);
    [[nodiscard]] token::PublicKey bring_key();
    void authenticate();
    void set_bench_pin();
    void note(const std::string& step);
    void note(Inventory::Work& work, const std::string& step);
    [[nodiscard]] bool compatibility() const;
    [[nodiscard]] Checked checked();

    Inventory& inventory_;
    const ca::Authority& authority_;
    token::Token& token_;
    IssueInput input_;
    const BenchKeys& keys_;
    ca::ChannelCrypto crypto_;
    Secret<protocol::kPinSize> bench_pin_;
    TokenRow row_;
    IssueResult result_;
    Step step_ = Step::admit;
};

}  // namespace sealkey::bench

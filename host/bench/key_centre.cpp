#include "bench/key_centre.h"

#include "bench/program_run.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

constexpr std::chrono::seconds kCentreTime{30};

class ProgramCentre final : public ca::KeyCentre {
public:
    explicit ProgramCentre(std::string program) : program_(std::move(program)) {}

    ca::CentreKey order(const ca::CentreOrder& order) override {
        const auto result = run_program({program_}, {}, kCentreTime, {ca::centre_question(order), true});
        if (result.timed_out) {
            throw ca::CaError(ca::Fault::quality, ca::mark("The key centre (%1) didn't answer in time."), {program_});
        }
        if (result.code != 0) {
            throw ca::CaError(ca::Fault::quality, ca::mark("The key centre (%1) failed with exit code %2."),
                              {program_, std::to_string(result.code)});
        }
        return ca::read_centre_answer(result.output, order);
    }

private:
    std::string program_;
};

}  // namespace

std::shared_ptr<ca::KeyCentre> key_centre_of(const ca::Authority& authority) {
    const std::string& program = authority.settings().key_centre;
    if (program.empty()) return nullptr;
    return std::make_shared<ProgramCentre>(program);
}

void require_centre(const ca::Authority& authority, const Order& order) {
    if (order.decryption_key == "centre" && authority.settings().key_centre.empty()) {
        throw ca::CaError(ca::Fault::policy, ca::mark("This CA's settings name no key centre."));
    }
}

}  // namespace sealkey::bench

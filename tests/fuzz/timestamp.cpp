// What a timestamp authority may send, and tokens as a signature may bear them: SignError, or a token that is good
// again for what it was asked for and for nothing else.
#include "sign/timestamp.h"

#include <cstdlib>

#include "seal/error.h"
#include "sign/error.h"

using namespace sealkey;

namespace {

// What the seeds were asked for, and when.
const sign::ByteVector kValue(64, 0x5A);
const sign::ByteVector kOther(64, 0xA5);
const sign::ByteVector kNonce(16, 0x5A);
constexpr sign::Time kWhen{std::chrono::seconds(1795246109)};

bool is_refused(Bytes token, Bytes value, const std::vector<seal::Cert>& authorities) {
    try {
        (void)sign::verify_timestamp(token, value, authorities, kWhen);
        return false;
    } catch (const sign::SignError&) {
        return true;
    }
}

void answer(Bytes data, Bytes nonce) {
    try {
        const sign::Timestamp read = sign::read_timestamp_answer(data, kValue, nonce, kWhen);
        std::vector<seal::Cert> authorities;
        if (!is_refused(read.token, kValue, authorities)) std::abort();
        authorities.push_back(seal::certificate_of_der(read.authority));
        if (is_refused(read.token, kValue, authorities) || !is_refused(read.token, kOther, authorities)) std::abort();
    } catch (const sign::SignError&) {
    } catch (const seal::SealError&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    answer({data, size}, {});
    answer({data, size}, kNonce);
    (void)is_refused({data, size}, kValue, {});
    return 0;
}

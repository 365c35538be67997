// A decryption key in an envelope, as a token with a renewal staged takes it. The input's first byte is the door:
//   0, 1  the rest is STAGE KEY's data as it is, for the renewal and for 9D itself: nobody guesses an envelope
//   2, 3  a good envelope with some of its bytes changed, each by three of the input's: refused
//   4, 5  the rest is what lies in an envelope that opens: taken as a key, or refused
// The second byte is the algorithm that the renewal names. What is refused changes nothing.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "support/key_centre.h"

using namespace sealkey;
using namespace sealkey::testing;

namespace {

constexpr Algorithm kAlgorithms[] = {Algorithm::p256, Algorithm::p384, Algorithm::rsa2048};
constexpr std::size_t kParts[] = {32, 48, 640};
const ByteVector kName(16, 7);

void must(bool holds) {
    if (!holds) std::abort();
}

class Bench {
public:
    Bench() : token_(TestToken::personalised(Profile::compatibility)) {
        must(token_->authenticate() == sw::ok && token_->verify(kDefaultPin).ok());
        new_recipient();
    }
    void stage(Algorithm algorithm) {
        if (staged_ == algorithm) return;
        drop();
        const ByteVector begin = concat({kName, {0x84, static_cast<std::uint8_t>(algorithm)}});
        must(token_->send(0x80, 0x40, 0, 0, begin).ok());
        staged_ = algorithm;
    }
    void drop() {
        if (staged_ != Algorithm::none) must(token_->send(0x80, 0x4A, 0, 0, kName).ok());
        staged_ = Algorithm::none;
    }
    [[nodiscard]] ByteVector seal(const ByteVector& parts, Algorithm algorithm) const {
        return make_envelope(parts, recipient_, {std::string(kSerial), kName, algorithm});
    }
    // Whether it was taken. Then everything is as before again.
    bool give(const ByteVector& envelope, Algorithm algorithm, bool to_slot) {
        if (to_slot) {
            drop();
        } else {
            stage(algorithm);
        }
        const ByteVector before = facts();
        const ByteVector named = concat({kName, {static_cast<std::uint8_t>(algorithm)}, envelope});
        const Reply reply = token_->send(0x80, 0x48, ref::key_management, to_slot ? 1 : 0, to_slot ? named : envelope);
        if (!reply.ok()) {
            must(reply.sw == sw::wrong_data || reply.sw == sw::wrong_length);
            must(facts() == before);
            return false;
        }
        must(facts() != before);
        if (to_slot) {
            new_recipient();
        } else {
            drop();
        }
        return true;
    }

private:
    ByteVector facts() {
        return concat({token_->send(0x80, 0x41, 0, 0).data, token_->metadata(ref::key_management).data});
    }
    void new_recipient() {
        must(token_->generate(ref::key_management).ok());
        token::PublicKey key;
        key.point = find(find(token_->metadata(ref::key_management).data, 0x04).value(), 0x86).value();
        recipient_ = key_of(key);
    }
    std::unique_ptr<TestToken> token_;
    PKey recipient_;
    Algorithm staged_ = Algorithm::none;
};

ByteVector bent(ByteVector envelope, const ByteVector& by) {
    for (std::size_t i = 0; i + 2 < by.size(); i += 3)
        envelope[(by[i] * 256U + by[i + 1]) % envelope.size()] ^= by[i + 2];
    return envelope;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Bench bench;
    if (size < 2) return 0;
    const bool to_slot = data[0] % 2 == 1;
    const std::size_t kind = data[1] % std::size(kAlgorithms);
    const Algorithm algorithm = kAlgorithms[kind];
    ByteVector rest(data + 2, data + size);
    switch (data[0] / 2 % 3) {
        case 0:
            must(!bench.give(rest, algorithm, to_slot));
            break;
        case 1: {
            const ByteVector good = bench.seal(ByteVector(kParts[kind], 0x11), algorithm);
            const ByteVector bad = bent(good, rest);
            if (bad != good) must(!bench.give(bad, algorithm, to_slot));
            break;
        }
        default:
            rest.resize(std::clamp<std::size_t>((rest.size() + 7) / 8 * 8, 16,
                                                1024));  // a wrap takes whole blocks, two at least
            (void)bench.give(bench.seal(rest, algorithm), algorithm, to_slot);
    }
    return 0;
}

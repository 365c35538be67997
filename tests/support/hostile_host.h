// A host that sends anything at all to a personalised token, and the oracle that looks at what came of it: whatever the
// bytes, the token answers, starts again, and nothing changed for which the session had no right.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/token_fixture.h"

namespace sealkey::testing {

class HostileHost {
public:
    // What the host could do rightfully before it goes wild. The PIN, the codes and the 9B keys of a shipping token are
    // known to no input, so a change that needs them is a change without right.
    enum class Door : std::uint8_t {
        shipping_nobody,
        shipping_pin,         // PIN presented
        shipping_management,  // 9B authenticated, lifecycle secured
        compatibility_nobody,
        compatibility_all,  // PIN and 9B: everything is allowed, nothing may break
        shipping_channel,   // the CA's channel is open, and the commands come beside it
    };
    static constexpr std::uint8_t kDoors = 6;

    HostileHost();

    // Runs the input: first byte the door, then commands, each length(1) || bytes; FF: length(2) follows; 00: card
    // reset. Throws std::logic_error naming what was broken.
    void run(Bytes input);
    // The same from commands.
    void run(Door door, const std::vector<ByteVector>& commands);

    // How many inputs changed the flash so far; a run in which none did proves little.
    [[nodiscard]] unsigned changed() const { return changed_; }

    // One well-formed command of each kind, and those that attackers try, to be mutated.
    [[nodiscard]] static std::vector<ByteVector> samples();

private:
    struct Kind {
        std::unique_ptr<TestToken> token;
        test::FlashModel::State snapshot;
        ByteVector all;           // what only the bench may change
        ByteVector without_free;  // of it, what 9B may not change either
        ByteVector renewal;       // what only the PIN may change
    };

    static Kind prepare(Profile profile);
    static ByteVector observe(TestToken& token, bool with_free);
    void open(Kind& kind, Door door);
    void check(Kind& kind, Door door);
    void send(Kind& kind, Door door, Bytes command);

    Kind shipping_;
    Kind compatibility_;
    bool wiped_ = false;  // RESET of the compatibility profile was answered with 9000
    unsigned changed_ = 0;
    std::vector<std::uint8_t> response_;
};

}  // namespace sealkey::testing

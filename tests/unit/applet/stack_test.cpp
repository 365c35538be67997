// What a command leaves behind on the stack: no secret. The command runs on a stack of its own, which is then searched.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <functional>

#include "crypto/kdf.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

class OwnStack {
public:
    void run(std::function<void()> work) {
        pthread_attr_t attributes;
        ASSERT_EQ(pthread_attr_init(&attributes), 0);
        ASSERT_EQ(pthread_attr_setstack(&attributes, memory_.data(), memory_.size()), 0);
        pthread_t thread{};
        ASSERT_EQ(pthread_create(
                      &thread, &attributes,
                      [](void* what) -> void* {
                          (*static_cast<std::function<void()>*>(what))();
                          return nullptr;
                      },
                      &work),
                  0);
        ASSERT_EQ(pthread_join(thread, nullptr), 0);
        (void)pthread_attr_destroy(&attributes);
    }
    [[nodiscard]] bool holds(Bytes needle) const {
        return std::search(memory_.begin(), memory_.end(), needle.begin(), needle.end()) != memory_.end();
    }

private:
    alignas(4096) std::array<std::uint8_t, 512 * 1024> memory_{};
};

class StackTraces : public ::testing::Test {
protected:
    // The answer's status word. Everything that the test itself knows lies on the heap.
    StatusWord run(const ByteVector& apdu) {
        ByteVector answer(300);
        std::size_t n = 0;
        stack->run([&] { n = token->token().transmit(apdu, answer); });
        return load_be16(&answer[n - 2]);
    }
    std::unique_ptr<OwnStack> stack = std::make_unique<OwnStack>();
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::shipping);
};

TEST_F(StackTraces, OfACodeAndWhatItIsMadeFrom) {
    token->lock_pin();
    const ByteVector code = text(token->reset_code());
    ByteVector context = concat({{kKvn}, text(kSerial), ByteVector(6), {0x80}});
    store_be16(&context[13], token->lock_counter());
    store_be32(&context[15], token->salt());
    ByteVector derived(16);
    ASSERT_TRUE(crypto::kdf_counter_cmac(unlock_key(), text("PIN-RESET-CODE"), context, derived));
    ByteVector number(8);  // the code as a number, as this machine writes it
    const std::uint64_t value = std::stoull(token->reset_code());
    for (std::size_t i = 0; i < 8; ++i) number[i] = static_cast<std::uint8_t>(value >> (8 * i));

    ByteVector wrong = code;
    wrong[3] = wrong[3] == '1' ? '2' : '1';
    const auto apdu = [](const ByteVector& digits) {
        return concat({{0x80, 0x20, 0x00, 0x80, 0x17}, digits, padded(kOtherPin), {0x00}});
    };
    const auto search = [&](const char* when) {
        EXPECT_FALSE(stack->holds(code)) << when << ": the code";
        EXPECT_FALSE(stack->holds(number)) << when << ": the code as a number";
        EXPECT_FALSE(stack->holds(derived)) << when << ": what the code is made from";
        EXPECT_FALSE(stack->holds(unlock_key())) << when << ": the unlock key";
        EXPECT_FALSE(stack->holds(padded(kOtherPin))) << when << ": the new PIN";
    };
    ASSERT_EQ(run(apdu(wrong)), 0x63C4);
    search("a wrong code");
    ASSERT_EQ(run(apdu(code)), 0x9000);
    search("the right code");
}

TEST_F(StackTraces, OfThePin) {
    ASSERT_EQ(run(concat({{0x00, 0x20, 0x00, 0x80, 0x08}, padded(kPin)})), 0x9000);
    EXPECT_FALSE(stack->holds(padded(kPin)));
    ASSERT_EQ(run(concat({{0x00, 0x24, 0x00, 0x80, 0x10}, padded(kPin), padded(kOtherPin)})), 0x9000);
    EXPECT_FALSE(stack->holds(padded(kPin)));
    EXPECT_FALSE(stack->holds(padded(kOtherPin)));
}

TEST_F(StackTraces, TheSearchFindsWhatIsThere) {
    const ByteVector planted = text("planted, and left");
    stack->run([&] {
        volatile std::uint8_t copy[16384];  // deep enough for the thread's end not to write over it
        for (std::size_t i = 0; i < planted.size(); ++i) copy[i] = planted[i];
        (void)copy;
    });
    EXPECT_TRUE(stack->holds(planted));
}

}  // namespace
}  // namespace sealkey::testing

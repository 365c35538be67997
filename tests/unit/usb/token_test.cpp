// The real firmware behind the class, and both sides of the class at work at the same time.
#include <atomic>
#include <random>
#include <thread>

#include "reader.h"
#include "support/token_fixture.h"

using namespace sealkey;
using namespace sealkey::testing;

namespace {

class TokenSlot final : public usb::Slot {
public:
    explicit TokenSlot(TestToken& token) : token_(token) {}
    Bytes power_on() override {
        token_.token().reset();
        return applet::Token::atr();
    }
    void power_off() override { token_.token().reset(); }
    std::size_t transmit(Bytes command, MutableBytes response) override {
        return token_.token().transmit(command, response);
    }

private:
    TestToken& token_;
};

class TokenOverUsb : public ::testing::Test {
protected:
    TokenOverUsb() { reader.start(); }

    ByteVector apdu(const ByteVector& command) {
        const Answer answer = reader.ask(message(0x6F, ++sequence, command));
        EXPECT_EQ(answer.status, 0);
        EXPECT_EQ(answer.sequence, sequence);
        return answer.data;
    }
    // With GET RESPONSE as long as there is more; the bytes and the last status word.
    ByteVector collect(const ByteVector& command, const ByteVector& get_response) {
        ByteVector out = apdu(command);
        while (out[out.size() - 2] == 0x61) {
            out.erase(out.end() - 2, out.end());
            const ByteVector more = apdu(get_response);
            out.insert(out.end(), more.begin(), more.end());
        }
        return out;
    }
    static ByteVector get_seal(bool extended) {
        ByteVector out{0x00, 0xCB, 0x3F, 0xFF};
        const ByteVector tag{0x5C, 0x03, 0x5F, 0xFF, 0x40};
        if (extended) out.insert(out.end(), {0x00, 0x00, 0x05});
        if (!extended) out.push_back(0x05);
        out.insert(out.end(), tag.begin(), tag.end());
        out.insert(out.end(), extended ? 2 : 1, 0x00);
        return out;
    }
    // The seal's blocks, short APDUs with command chaining; `blocks` of them.
    void put_blocks(const ByteVector& seal, std::size_t blocks) {
        ByteVector whole = tlv(0x5C, {0x5F, 0xFF, 0x40});
        const ByteVector value = tlv(0x53, seal);
        whole.insert(whole.end(), value.begin(), value.end());
        for (std::size_t i = 0; i < blocks; ++i) {
            const std::size_t at = i * 250;
            const std::size_t n = std::min<std::size_t>(250, whole.size() - at);
            ByteVector command{static_cast<std::uint8_t>(at + n == whole.size() ? 0x00 : 0x10), 0xDB, 0x3F, 0xFF,
                               static_cast<std::uint8_t>(n)};
            command.insert(command.end(), whole.begin() + static_cast<long>(at),
                           whole.begin() + static_cast<long>(at + n));
            EXPECT_EQ(apdu(command), (ByteVector{0x90, 0x00})) << i;
        }
    }

    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
    TokenSlot slot{*token};
    Reader reader{slot};
    std::uint8_t sequence = 0;
};

TEST_F(TokenOverUsb, AtrIsTheTokensOwn) {
    const Bytes atr = applet::Token::atr();
    EXPECT_EQ(reader.ask(message(0x62, 1)).data, ByteVector(atr.begin(), atr.end()));
}

TEST_F(TokenOverUsb, LongObjectIsReadInShortAndInExtendedApdus) {
    ByteVector seal(20 * 1024);
    for (std::size_t i = 0; i < seal.size(); ++i) seal[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    ASSERT_EQ(token->authenticate(), 0x9000);
    ASSERT_TRUE(token->put_data_chained(object::seal, seal).ok());
    ByteVector expected = tlv(0x53, seal);
    expected.insert(expected.end(), {0x90, 0x00});
    EXPECT_EQ(collect(get_seal(true), {0x00, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00}), expected);
    EXPECT_LE(sequence, 7) << "an answer has about 3 KiB";
    EXPECT_EQ(collect(get_seal(false), {0x00, 0xC0, 0x00, 0x00, 0x00}), expected);
}

TEST_F(TokenOverUsb, Lesson19_ChainCutByTheBusLeavesTheOldObjectAndACleanState) {
    const ByteVector old(3000, 0x01);
    ASSERT_EQ(token->authenticate(), 0x9000);
    ASSERT_TRUE(token->put_data_chained(object::seal, old).ok());
    ByteVector expected = tlv(0x53, old);
    expected.insert(expected.end(), {0x90, 0x00});
    const std::pair<const char*, std::function<void()>> cuts[] = {
        {"bus reset", [&] { reader.ccid.reset(), reader.start(); }},
        {"suspend", [&] { reader.ccid.suspended(), reader.ccid.resumed(), (void)reader.ask(message(0x62, 1)); }},
        {"power off", [&] { (void)reader.ask(message(0x63, 1)), (void)reader.ask(message(0x62, 1)); }},
        {"power on", [&] { (void)reader.ask(message(0x62, 1)); }},
    };
    for (const auto& [name, cut] : cuts) {
        SCOPED_TRACE(name);
        ASSERT_EQ(token->authenticate(), 0x9000);
        put_blocks(ByteVector(3000, 0x02), 5);
        cut();
        EXPECT_EQ(collect(get_seal(true), {0x00, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00}), expected);
        // The right to write went with the session.
        EXPECT_EQ(apdu({0x00, 0xDB, 0x3F, 0xFF, 0x07, 0x5C, 0x03, 0x5F, 0xFF, 0x40, 0x53, 0x00}),
                  (ByteVector{0x69, 0x82}));
    }
}

TEST_F(TokenOverUsb, Lesson19_PinDoesNotOutlastTheBus) {
    const ByteVector verify{0x00, 0x20, 0x00, 0x80, 0x08, '1', '2', '3', '4', '5', '6', 0xFF, 0xFF};
    const ByteVector ask{0x00, 0x20, 0x00, 0x80};
    EXPECT_EQ(apdu(verify), (ByteVector{0x90, 0x00}));
    EXPECT_EQ(apdu(ask), (ByteVector{0x90, 0x00}));
    reader.ccid.reset();
    reader.start();
    EXPECT_EQ(apdu(ask)[0], 0x63);
    EXPECT_EQ(apdu(verify), (ByteVector{0x90, 0x00}));
    reader.ccid.suspended();
    reader.ccid.resumed();
    EXPECT_EQ(reader.ask(message(0x62, 1)).status, 0);
    EXPECT_EQ(apdu(ask)[0], 0x63);
}

TEST_F(TokenOverUsb, LongestCommandGoesThrough) {
    ByteVector command{0x00, 0xDB, 0x3F, 0xFF, 0x00, 0x10, 0x00};
    ByteVector data = tlv(0x5C, {0x5F, 0xFF, 0x11});
    const ByteVector value = tlv(0x53, ByteVector(4096 - data.size() - 4, 0x77));
    data.insert(data.end(), value.begin(), value.end());
    ASSERT_EQ(data.size(), 4096U);
    command.insert(command.end(), data.begin(), data.end());
    ASSERT_EQ(token->authenticate(), 0x9000);
    EXPECT_EQ(apdu(command), (ByteVector{0x90, 0x00}));
    EXPECT_TRUE(token->get_data(0x5FFF11).ok());
}

TEST_F(TokenOverUsb, AnythingTooShortToBeACommandIsAnsweredSo) {
    for (std::size_t size = 0; size < 4; ++size) {
        EXPECT_EQ(apdu(ByteVector(size)), (ByteVector{0x67, 0x00}));
    }
}

// The main loop of a board.
class MainLoop {
public:
    explicit MainLoop(usb::Ccid& ccid)
        : thread_([this, &ccid] {
              while (!end_) {
                  if (!ccid.run()) std::this_thread::yield();
              }
          }) {}
    ~MainLoop() {
        end_ = true;
        thread_.join();
    }

private:
    std::atomic<bool> end_{false};
    std::thread thread_;
};

TEST_F(TokenOverUsb, Lesson18_KeyGenerationInTheMainLoopAsksForTimeAndIsAnswered) {
    ASSERT_EQ(token->authenticate(), 0x9000);
    const MainLoop loop(reader.ccid);
    reader.send(message(0x6F, 9, {0x00, 0x47, 0x00, 0x9D, 0x05, 0xAC, 0x03, 0x80, 0x01, 0x07}));
    int extensions = 0;
    Answer answer = kSilence;
    // A key takes some hundred milliseconds here: the reader's clock runs ahead so that many intervals pass.
    while (answer == kSilence || answer.status == 0x80) {
        if (answer.status == 0x80) ++extensions;
        reader.wait(100);
        answer = reader.receive();
    }
    EXPECT_GT(extensions, 0);
    EXPECT_EQ(answer.sequence, 9);
    ASSERT_GT(answer.data.size(), 256U);
    EXPECT_EQ(answer.data[0], 0x7F);
}

// Both sides at once, and a host that does everything in any order. The thread sanitizer sees the hand-over.
TEST(CcidThreads, HostThatDoesAnythingNeverBreaksTheReader) {
    FakeCard card;
    std::atomic<unsigned> run{0};
    card.answer = [&](const ByteVector& command) {
        ++run;
        return ByteVector(2 + command.size() % 700, 0x12);
    };
    Reader reader(card);
    reader.start();
    card.commands.reserve(100'000);
    std::mt19937 random(11);
    {
        const MainLoop loop(reader.ccid);
        const std::uint8_t types[] = {0x62, 0x63, 0x65, 0x6F, 0x6F, 0x6F, 0x6F, 0x6C, 0x61, 0x72, 0x6B, 0x00};
        ByteVector left;  // of the message that is being sent
        for (int i = 0; i < 20'000 || run < 200; ++i) {
            switch (random() % 40) {
                case 0:
                    if (random() % 8 == 0) (void)reader.abort(static_cast<std::uint8_t>(random() % 3));
                    break;
                case 1:
                    if (random() % 40 == 0) reader.ccid.reset(), reader.ccid.configured();
                    break;
                case 2:
                    if (random() % 40 == 0) reader.ccid.suspended(), reader.ccid.resumed();
                    break;
                case 3:
                    reader.ccid.tick(reader.now += random() % 400);
                    break;
                default:
                    break;
            }
            while (i % 16 == 0 && reader.ccid.pending()) std::this_thread::yield();
            if (left.empty() || random() % 200 == 0) {
                const std::uint8_t level = random() % 4 == 0 ? static_cast<std::uint8_t>(random() % 4) : 0;
                left = message(types[random() % std::size(types)], static_cast<std::uint8_t>(random() % 3),
                               ByteVector(random() % 3 == 0 ? 0 : random() % 300), {0, level, 0});
            }
            if (reader.ccid.ready()) {
                const std::size_t n = std::min<std::size_t>(left.size(), 64);
                reader.ccid.received(Bytes(left).first(n));
                left.erase(left.begin(), left.begin() + static_cast<long>(n));
            }
            if (const auto packet = reader.ccid.next()) {
                ASSERT_LE(packet->size(), 64U);
                if (random() % 10 != 0) reader.ccid.sent();
            } else if (random() % 5 == 0) {
                reader.ccid.sent();
            }
        }
        // Whatever it left behind: after a bus reset a host finds a working key.
        reader.ccid.reset();
        reader.ccid.configured();
        reader.send(message(0x62, 0x44));
        Answer answer = kSilence;
        while (answer == kSilence || answer.status >= 0x80) answer = reader.receive();
        EXPECT_EQ(answer.data, card.atr);
    }
}

}  // namespace

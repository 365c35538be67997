// Chaining, GET RESPONSE, class bytes and selection, over an application that notes what reaches it.
#include "iso7816/dispatcher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/hex.h"

namespace sealkey::iso7816 {
namespace {

using testing::from_hex;
using testing::to_hex;
using ByteVector = std::vector<std::uint8_t>;

class Counting final : public ResponseSource {
public:
    bool read(std::uint32_t offset, MutableBytes out) override {
        if (broken) return false;
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(offset + i);
        return true;
    }
    bool broken = false;
};

// INS 01 echoes its data; 02 answers with as many bytes as P1 P2 say, streamed; 03 fails with 6A80 after building a
// reply; DB streams.
class Noting final : public Application {
public:
    bool has_name(Bytes aid) const override { return to_hex(aid) == "a000000001"; }
    StatusWord select(Response& response) override {
        log.push_back("select");
        return response.set(bytes_of("FCI"));
    }
    void arrived(const Header& header) override { arrivals.push_back(header.ins); }
    StatusWord process(const Command& command, Response& response) override {
        log.push_back(to_hex(ByteVector{command.header.cla, command.header.ins}) + ":" +
                      std::to_string(command.data.size()));
        if (command.header.ins == 0x01)
            return response.set(command.data.first(std::min<std::size_t>(command.data.size(), 1200)));
        if (command.header.ins == 0x02) {
            response.set_body(source, command.header.p1p2());
            return 0x9000;
        }
        if (command.header.ins == 0x03) {
            (void)response.set(bytes_of("secret"));
            return 0x6A80;
        }
        return 0x6D00;
    }
    StatusWord process_secure(const Header& header, MutableBytes work, std::size_t size, Response& response) override {
        EXPECT_EQ(work.size(), protocol::kMaxCommandData);
        log.push_back("secure " + to_hex(ByteVector{header.cla, header.ins}) + ":" + std::to_string(size));
        if (header.ins == 0x04) {  // a warning that carries data
            (void)response.set(work.first(std::min<std::size_t>(size, 1200)));
            return 0x63C5;
        }
        wipe(work);  // the whole buffer is the application's
        return 0x9000;
    }
    void select_failed() override { log.push_back("select failed"); }
    bool streams(const Header& header) const override { return header.ins == 0xDB; }
    StatusWord stream_block(const Header&, Bytes block, bool first, bool last, MutableBytes scratch) override {
        EXPECT_EQ(scratch.size(), protocol::kMaxCommandData);
        log.push_back("block:" + std::to_string(block.size()) + (first ? " first" : "") + (last ? " last" : ""));
        return refuse_blocks ? 0x6985 : 0x9000;
    }
    void stream_abandon() override { log.push_back("abandon"); }
    void reset() override { log.push_back("reset"); }

    std::vector<std::string> log;
    std::vector<int> arrivals;  // instructions, 0 for what can't be read
    Counting source;
    bool refuse_blocks = false;
};

class DispatcherTest : public ::testing::Test {
protected:
    // data and status word, in hexadecimal
    std::string send(const ByteVector& apdu, std::size_t room = 70000) {
        ByteVector out(room);
        const std::size_t n = dispatcher.transmit(apdu, out);
        return to_hex(Bytes(out).first(n));
    }
    std::string send(const char* hex) { return send(from_hex(hex)); }
    static ByteVector block(std::uint8_t cla, std::uint8_t ins, std::size_t size, std::uint8_t p2 = 0) {
        ByteVector out = {cla, ins, 0, p2, static_cast<std::uint8_t>(size)};
        out.insert(out.end(), size, 0xDA);
        return out;
    }
    static ByteVector extended(std::uint8_t cla, std::uint8_t ins, std::size_t size) {
        ByteVector out = {cla, ins, 0, 0, 0, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
        out.insert(out.end(), size, 0xDA);
        return out;
    }
    Noting application;
    Dispatcher dispatcher{application};
};

TEST_F(DispatcherTest, OneCommandReachesTheApplication) {
    EXPECT_EQ(send("00 01 00 00 03 0A 0B 0C 00"), "0a0b0c9000");
    EXPECT_EQ(application.log, std::vector<std::string>{"0001:3"});
}

TEST_F(DispatcherTest, ErrorsCarryNoData) { EXPECT_EQ(send("00 03 00 00 00"), "6a80"); }

TEST_F(DispatcherTest, ChainedBlocksArriveAsOneCommand) {
    EXPECT_EQ(send(block(0x10, 0x01, 200)), "9000");
    EXPECT_EQ(send(block(0x10, 0x01, 200)), "9000");
    EXPECT_TRUE(application.log.empty()) << "not before the last block";
    const std::string answer = send(block(0x00, 0x01, 1));
    EXPECT_EQ(application.log, std::vector<std::string>{"0001:401"});
    EXPECT_EQ(answer.size(), 2 * (256 + 2u));
    EXPECT_EQ(answer.substr(512), "6191");
}

TEST_F(DispatcherTest, TheApplicationHearsOfEachApduButTheCollectingOfAReply) {
    send(block(0x10, 0x01, 200));
    send(block(0x00, 0x01, 200));  // 400 bytes of answer
    send("00 C0 00 00 00");
    send("00 C0 00 00 00");  // nothing left
    send("00 A4 04 00 05 A0 00 00 00 01");
    send(block(0x10, 0xDB, 3));
    send("00 01 00");
    send("E0 02 00 00");
    send(block(0x10, 0x01, 200));
    send("00 C0 00 00 00");  // in an open chain it is a command
    EXPECT_EQ(application.arrivals, (std::vector<int>{0x01, 0x01, 0xC0, 0xA4, 0xDB, 0, 0x02, 0x01, 0xC0}));
}

TEST_F(DispatcherTest, UpTo4096BytesAreCollectedAndNotOneMore) {
    for (int i = 0; i < 16; ++i) ASSERT_EQ(send(block(0x10, 0x01, 255)), "9000");
    EXPECT_NE(send(block(0x00, 0x01, 16)).find("6100"), std::string::npos);
    EXPECT_EQ(application.log, std::vector<std::string>{"0001:4096"});
    application.log.clear();
    for (int i = 0; i < 16; ++i) ASSERT_EQ(send(block(0x10, 0x01, 255)), "9000");
    EXPECT_EQ(send(block(0x00, 0x01, 17)), "6700");
    EXPECT_TRUE(application.log.empty());
    EXPECT_EQ(send("00 01 00 00 01 0A"), "0a9000") << "the next command is whole";
    EXPECT_EQ(send(extended(0x00, 0x01, 4097)), "6700");
    EXPECT_NE(send(extended(0x00, 0x01, 4096)), "6700");
    EXPECT_EQ(send(extended(0x00, 0xDB, 4097)), "6700");
}

TEST_F(DispatcherTest, Lesson19_AnotherCommandInAChainStartsAnew) {
    for (const char* other :
         {"00 01 01 00 01 0B", "00 02 00 01 00", "00 A4 04 00 05 A0 00 00 00 01", "80 01 00 00 01 0B"}) {
        ASSERT_EQ(send(block(0x10, 0x01, 200)), "9000");
        application.log.clear();
        EXPECT_NE(send(other).find("9000"), std::string::npos) << other;
        ASSERT_EQ(application.log.size(), 1u) << other;
        EXPECT_EQ(application.log[0].find(":2"), std::string::npos) << "nothing of the chain: " << application.log[0];
        application.log.clear();
        EXPECT_EQ(send("00 01 00 00 01 0C"), "0c9000") << "and the chain is gone";
        EXPECT_EQ(application.log, std::vector<std::string>{"0001:1"});
    }
}

TEST_F(DispatcherTest, Lesson19_ResetEndsAChain) {
    ASSERT_EQ(send(block(0x10, 0x01, 200)), "9000");
    dispatcher.reset();
    application.log.clear();
    EXPECT_EQ(send("00 01 00 00 01 0C"), "0c9000");
    EXPECT_EQ(application.log, std::vector<std::string>{"0001:1"});
}

TEST_F(DispatcherTest, Lesson19_AMalformedApduEndsAChain) {
    ASSERT_EQ(send(block(0x10, 0x01, 200)), "9000");
    EXPECT_EQ(send("00 01 00 00 05 01"), "6700");
    application.log.clear();
    EXPECT_EQ(send("00 01 00 00 01 0C"), "0c9000");
    EXPECT_EQ(application.log, std::vector<std::string>{"0001:1"});
}

TEST_F(DispatcherTest, StreamedCommandsArriveBlockByBlock) {
    EXPECT_EQ(send(block(0x10, 0xDB, 255)), "9000");
    EXPECT_EQ(send(block(0x10, 0xDB, 100)), "9000");
    EXPECT_EQ(send(block(0x00, 0xDB, 7)), "9000");
    EXPECT_EQ(send(block(0x00, 0xDB, 9)), "9000");
    EXPECT_EQ(application.log,
              (std::vector<std::string>{"block:255 first", "block:100", "block:7 last", "block:9 first last"}));
}

TEST_F(DispatcherTest, AStreamIsAbandonedByAnotherCommandAResetOrARefusal) {
    const std::vector<std::string> begun = {"block:255 first", "abandon"};
    (void)send(block(0x10, 0xDB, 255));
    (void)send("00 A4 04 00 05 A0 00 00 00 01");
    EXPECT_EQ(application.log, (std::vector<std::string>{"block:255 first", "abandon", "select"}));
    application.log.clear();
    (void)send(block(0x10, 0xDB, 255));
    dispatcher.reset();
    EXPECT_EQ(application.log, (std::vector<std::string>{"block:255 first", "abandon", "reset"}));
    application.log.clear();
    (void)send(block(0x10, 0xDB, 255));
    (void)send(block(0x00, 0xDB, 255, 1));
    EXPECT_EQ(application.log, (std::vector<std::string>{"block:255 first", "abandon", "block:255 first last"}));
    application.log.clear();
    application.refuse_blocks = true;
    EXPECT_EQ(send(block(0x10, 0xDB, 255)), "6985");
    EXPECT_EQ(application.log, begun);
}

TEST_F(DispatcherTest, LongRepliesComeInPieces) {
    std::string answer = send("00 02 03 00 00");  // 768 bytes
    EXPECT_EQ(answer.substr(512), "6100");
    answer = send("00 C0 00 00 10");
    EXPECT_EQ(answer, to_hex(from_hex("00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F")) + "6100");
    answer = send("00 C0 00 00 00");
    EXPECT_EQ(answer.substr(0, 4), "1011");
    EXPECT_EQ(answer.substr(512), "61f0");
    answer = send("00 C0 00 00 00");
    EXPECT_EQ(answer.size(), 2 * (240 + 2u));
    EXPECT_EQ(answer.substr(480), "9000");
    EXPECT_EQ(send("00 C0 00 00 00"), "6985");
}

TEST_F(DispatcherTest, ExtendedLeTakesItAll) {
    const std::string answer = send("00 02 80 00 00 00 00");  // 32768 bytes
    EXPECT_EQ(answer.size(), 2 * (32768 + 2u));
    EXPECT_EQ(answer.substr(2 * 32768), "9000");
}

TEST_F(DispatcherTest, LeIsTheMost) {
    EXPECT_EQ(send("00 02 00 05 02"), "00016103");
    EXPECT_EQ(send("00 02 00 05"), "00010203049000") << "no Le: what there is";
}

TEST_F(DispatcherTest, ASmallBufferIsNeverOverrun) {
    EXPECT_EQ(send(from_hex("00 02 01 00 00"), 4), "000161fe");
    EXPECT_EQ(send(from_hex("00 02 01 00 00"), 2), "6100");
    EXPECT_EQ(send(from_hex("00 02 01 00 00"), 1), "");
}

TEST_F(DispatcherTest, GetResponseAloneIsRefused) {
    EXPECT_EQ(send("00 C0 00 00 00"), "6985");
    (void)send("00 02 03 00 00");
    EXPECT_EQ(send("00 C0 01 00 00"), "6a86");
    (void)send("00 02 03 00 00");
    (void)send("00 01 00 00 01 0A");
    EXPECT_EQ(send("00 C0 00 00 00"), "6985") << "another command drops the reply";
    (void)send("00 02 03 00 00");
    dispatcher.reset();
    EXPECT_EQ(send("00 C0 00 00 00"), "6985");
}

TEST_F(DispatcherTest, AReplyThatCannotBeReadIs6581) {
    application.source.broken = true;
    EXPECT_EQ(send("00 02 03 00 00"), "6581");
    EXPECT_EQ(send("00 C0 00 00 00"), "6985");
}

TEST_F(DispatcherTest, ClassBytesThatArentOursAreNamed) {
    for (const char* cla : {"08", "0C", "88", "8C", "18", "9C"}) {
        EXPECT_EQ(send((std::string(cla) + " 01 00 00").c_str()), "6882") << cla;
    }
    EXPECT_EQ(send("05 01 00 00"), "6881");
    EXPECT_EQ(send("01 01 00 00"), "6881");
    EXPECT_EQ(send("83 01 00 00"), "6881");
    for (const char* cla : {"20", "40", "60", "C0", "A0", "FF"}) {
        EXPECT_EQ(send((std::string(cla) + " 01 00 00").c_str()), "6e00") << cla;
    }
    EXPECT_TRUE(application.log.empty());
}

TEST_F(DispatcherTest, SecureMessagingHasItsOwnDoor) {
    EXPECT_EQ(send("84 01 00 00 03 0A 0B 0C 00"), "9000");
    EXPECT_EQ(send("04 DB 3F FF 02 0A 0B"), "9000");
    EXPECT_EQ(send("04 A4 04 00 05 A0 00 00 00 01"), "9000");
    EXPECT_EQ(send("04 C0 00 00"), "9000");
    EXPECT_EQ(send(block(0x94, 0x01, 200)), "9000");
    EXPECT_EQ(send(block(0x84, 0x01, 100)), "9000");
    EXPECT_EQ(application.log, (std::vector<std::string>{"secure 8401:3", "secure 04db:2", "secure 04a4:5",
                                                         "secure 04c0:0", "secure 8401:300"}))
        << "neither streamed nor selected nor collected";
    application.log.clear();
    EXPECT_EQ(send(block(0x94, 0x01, 200)), "9000");
    EXPECT_EQ(send(block(0x80, 0x01, 5)).substr(10), "9000") << "a plain block doesn't end a secure chain";
    EXPECT_EQ(application.log, std::vector<std::string>{"8001:5"});
    EXPECT_EQ(send(extended(0x84, 0x01, 4097)), "6700");
}

TEST_F(DispatcherTest, AWarningCarriesDataAndComesLast) {
    EXPECT_EQ(send("84 04 00 00 03 0A 0B 0C 00"), "0a0b0c63c5");
    EXPECT_EQ(send("84 04 00 00 03 0A 0B 0C 01"), "0a6102");
    EXPECT_EQ(send("00 C0 00 00 01"), "0b6101");
    EXPECT_EQ(send("00 C0 00 00 01"), "0c63c5");
    EXPECT_EQ(send("00 C0 00 00 01"), "6985");
}

TEST_F(DispatcherTest, SelectionIsByNameAlone) {
    EXPECT_EQ(send("00 A4 04 00 05 A0 00 00 00 01 00"), "4643499000");
    EXPECT_EQ(send("00 A4 04 00 05 A0 00 00 00 02 00"), "6a82");
    EXPECT_EQ(send("00 A4 00 00 02 3F 00"), "6a81");
    EXPECT_EQ(send("00 A4 04 01 05 A0 00 00 00 01"), "6a81");
    EXPECT_EQ(application.log, (std::vector<std::string>{"select", "select failed"}));
    // Chained, too.
    EXPECT_EQ(send("10 A4 04 00 02 A0 00"), "9000");
    EXPECT_EQ(send("00 A4 04 00 03 00 00 01"), "4643499000");
}

}  // namespace
}  // namespace sealkey::iso7816

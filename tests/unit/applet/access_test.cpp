// Every command and object from each session state, in every profile and lifecycle: allowed and refused. What is
// expected stands here, written from the design and not from the code's table; every rule of the code's table must be
// met by a row here.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "applet/access.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

using applet::Right;
using applet::Stage;

// One letter for each stage: who may.
//   a everybody · p the PIN · m 9B · b both · c the secure channel alone
//   The channel has what 9B has, and until the token is secured what the PIN has.
//   - nobody: 6985 · y the channel is asked for first (6982), and then nobody may · x 9B is asked for first (6982), and
//   then nobody may (6985) · . this stage isn't asked
constexpr Stage kStageOrder[] = {Stage::blank,
                                 Stage::shipping_initialised,
                                 Stage::shipping_secured,
                                 Stage::compatibility_initialised,
                                 Stage::compatibility_secured,
                                 Stage::terminated};
constexpr const char* kStageNames[] = {
    "blank",     "shipping initialised", "shipping secured", "compatibility initialised", "compatibility secured",
    "terminated"};

struct Session {
    const char* name;
    bool pin;
    bool management;
    bool channel = false;
    bool stands_for_pin = false;  // by the stage
};
constexpr Session kSessions[] = {{"nobody", false, false},
                                 {"PIN", true, false},
                                 {"9B", false, true},
                                 {"PIN and 9B", true, true},
                                 {"the channel", false, false, true},
                                 {"PIN and the channel", true, false, true}};

using Action = std::function<StatusWord(TestToken&)>;

struct Row {
    std::string name;
    Right right;
    std::uint32_t subject;
    const char* expected;  // a letter for each stage, in the order above
    Action action;
    std::vector<StatusWord> allowed = {0x9000};
};

Row read(std::uint32_t tag, const char* expected) {
    std::ostringstream name;
    name << "read " << std::hex << tag;
    return {name.str(),      Right::read_object, tag, expected, [tag](TestToken& t) { return t.get_data(tag).sw; },
            {0x9000, 0x6A82}};
}
Row part(std::uint32_t tag, const char* expected) {
    Row row = read(tag, expected);
    row.name = "read part of" + row.name.substr(4);
    row.action = [tag](TestToken& t) { return t.read_part(tag, 0, 10).sw; };
    return row;
}
Row write(std::uint32_t tag, const char* expected, std::vector<StatusWord> allowed = {0x9000}) {
    std::ostringstream name;
    name << "write " << std::hex << tag;
    return {name.str(),
            Right::write_object,
            tag,
            expected,
            [tag](TestToken& t) { return t.put_data(tag, {0x01}).sw; },
            std::move(allowed)};
}
std::string slot_name(const char* verb, unsigned slot) {
    std::ostringstream name;
    name << verb << ' ' << std::hex << slot;
    return name.str();
}
Row use(std::uint8_t slot, const char* expected) {
    return {slot_name("use", slot), Right::use_key, slot, expected, [slot](TestToken& t) { return t.sign(slot).sw; }};
}
Row generate(std::uint8_t slot, const char* expected) {
    return {slot_name("generate", slot), Right::generate_key, slot, expected,
            [slot](TestToken& t) { return t.generate(slot).sw; }};
}
Row import(std::uint8_t slot, const char* expected) {
    return {slot_name("import", slot), Right::import_key, slot, expected,
            [slot](TestToken& t) { return t.import_p256(slot).sw; }};
}
Row move(std::uint8_t from, std::uint8_t to, Right right, const char* expected, StatusWord allowed = 0x9000) {
    return {slot_name("move", from) + slot_name(" to", to),
            right,
            right == Right::move_from ? from : to,
            expected,
            [from, to](TestToken& t) { return t.move(from, to).sw; },
            {allowed}};
}

// The key that stands there is taken away first, by who may; it is the move after it that is looked at.
Row move_to_emptied(std::uint8_t from, std::uint8_t to, const char* expected) {
    Row row = move(from, to, Right::move_to, expected);
    row.action = [from, to](TestToken& t) {
        (void)t.move(to, 0xFF);
        return t.move(from, to).sw;
    };
    return row;
}

// Columns: blank, shipping initialised, shipping secured, compatibility initialised, compatibility secured, terminated.
std::vector<Row> rows() {
    std::vector<Row> out = {
        // SP 800-73-4: four objects need the PIN to read.
        read(object::fingerprints, "appppa"),
        read(object::facial_image, "appppa"),
        read(object::printed_information, "appppa"),
        read(object::iris_images, "appppa"),
        part(object::printed_information, "appppa"),
        part(object::seal, "aaaaaa"),
        read(object::discovery, "aaaaaa"),
        read(object::biometric_group, "aaaaaa"),
        read(object::chuid, "aaaaaa"),
        read(object::ccc, "aaaaaa"),
        read(object::key_history, "aaaaaa"),
        read(object::cert_9a, "aaaaaa"),
        read(object::cert_9c, "aaaaaa"),
        read(object::cert_9d, "aaaaaa"),
        read(object::cert_9e, "aaaaaa"),
        read(object::cert_retired_first, "aaaaaa"),
        read(object::cert_retired_last, "aaaaaa"),
        read(0x5FC106, "aaaaaa"),  // the Security Object
        read(object::piv_admin_data, "aaaaaa"),
        read(object::cert_attestation, "aaaaaa"),
        read(object::mscmap_first, "aaaaaa"),
        read(object::seal, "aaaaaa"),
        read(object::enterprise_record, "aaaaaa"),
        read(object::renewal_status, "aaaaaa"),
        read(object::lock_statement, "aaaaaa"),
        read(object::issuer_certificate, "aaaaaa"),

        // Shipping: 9B writes no key's certificate, nor CHUID, CCC, Key History, seal, record, issuer. Computed ones
        // are written by nobody.
        write(object::cert_9a, "-ccmm-"),
        write(object::cert_9c, "-ccmm-"),
        write(object::cert_9d, "-ccmm-"),
        // Looked at before it is taken; what stands there stays (attestation_test.cpp).
        write(object::cert_attestation, "-c-mm-", {0x9000, 0x6A80}),
        write(object::chuid, "-ccmm-"),
        write(object::ccc, "-ccmm-"),
        write(object::key_history, "-ccmm-"),
        write(object::seal, "-ccmm-"),
        write(object::enterprise_record, "-ccmm-"),
        write(object::issuer_certificate, "-ccmm-"),
        write(object::renewal_status, "------"),
        write(object::lock_statement, "------"),
        write(object::discovery, "------"),
        write(object::biometric_group, "------"),
        write(object::cert_9e, "-ccmm-"),
        write(object::cert_retired_first, "-ccmm-"),
        write(object::cert_retired_last, "-ccmm-"),
        write(object::printed_information, "-mmmm-"),
        write(object::piv_admin_data, "-mmmm-"),
        write(object::mscmap_first, "-mmmm-"),

        // 9A and 9C with the PIN, 9E without, F9 never.
        use(0x9A, "-pppp-"),
        use(0x9C, "-pppp-"),
        use(0x9E, "-aaaa-"),
        use(0x82, "-pppp-"),
        use(0x9D, "-pppp-"),
        use(0xF9, "------"),

        generate(0x9A, "-ccmm-"),
        generate(0x9C, "-ccmm-"),
        generate(0x9D, "-ccmm-"),
        generate(0xF9, "-c-mm-"),
        generate(0x9E, "-ccmm-"),
        generate(0x82, "-ccmm-"),
        generate(0x95, "-ccmm-"),
        // Shipping: signing keys from the token alone; a decryption key by the channel.
        import(0x9A, "---mm-"),
        import(0x9C, "---mm-"),
        import(0x9E, "---mm-"),
        import(0xF9, "---mm-"),
        import(0x9D, "-ccmm-"),
        import(0x82, "-ccmm-"),
        import(0x95, "-ccmm-"),
        move(0x9A, 0xFF, Right::move_from, "-ccmm-"),
        move(0x9C, 0x83, Right::move_from, "-ccmm-"),
        move(0x9E, 0xFF, Right::move_from, "-ccmm-"),
        move(0x82, 0xFF, Right::move_from, "-ccmm-"),
        move(0x82, 0x83, Right::move_from, "-ccmm-"),
        move(0xF9, 0xFF, Right::move_from, "---mm-", 0x6A88),
        move(0x9E, 0xFF, Right::move_to, "-ccmm-"),
        move(0x9E, 0x84, Right::move_to, "-ccmm-"),
        move_to_emptied(0x9E, 0x9D, "-yymm-"),
        move(0x9E, 0xF9, Right::move_to, "-yyxx-"),
    };
    const auto add = [&](const char* name, Right right, const char* expected, Action action,
                         std::vector<StatusWord> allowed = {0x9000}) {
        out.push_back({name, right, 0, expected, std::move(action), std::move(allowed)});
    };
    add("challenge of 9B", Right::authenticate_management, "aaaaa-",
        [](TestToken& t) {
            const auto algorithm = t.token().state().config.profile == Profile::compatibility ? 0x03 : 0x0C;
            return t.send(0, 0x87, static_cast<std::uint8_t>(algorithm), 0x9B, from_hex("7C 02 81 00")).sw;
        },
        {0x9000, 0x6A88});
    add("VERIFY asking", Right::verify, "aaaaa-", [](TestToken& t) { return t.verify_status().sw; },
        {0x9000, 0x63C6, 0x6983});
    add("VERIFY", Right::verify, "aaaaa-", [](TestToken& t) { return t.verify(kWrongPin).sw; }, {0x63C5, 0x6983});
    add("change PIN", Right::change_pin, "-aaaa-",
        [](TestToken& t) { return t.change(ref::pin, kWrongPin, kOtherPin).sw; }, {0x63C5});
    add("change PUK", Right::change_puk, "-aaaa-",
        [](TestToken& t) { return t.change(ref::puk, "87654321", "24681357").sw; }, {0x63C5, 0x6983});
    add("unblock by PUK", Right::unblock_by_puk, "-aaaa-",
        [](TestToken& t) { return t.unblock("87654321", kOtherPin).sw; }, {0x63C5, 0x6983});
    for (std::uint32_t tag = object::mscmap_first + 1; tag <= object::mscmap_first + 5; ++tag) {
        out.push_back(read(tag, "aaaaaa"));
        out.push_back(write(tag, "-mmmm-"));
    }
    // Without K_unlock there are no codes: compatibility refuses them all.
    add("redeem a code", Right::redeem_code, "-aa---",
        [](TestToken& t) {
            t.lock_pin();
            return t.redeem("00000000000000X", kOtherPin).sw;
        },
        {0x6A80});
    add("set retries", Right::set_retries, "---bb-", [](TestToken& t) { return t.set_retries(5, 5).sw; });
    add("set management key", Right::set_management_key, "-ccmm-",
        [](TestToken& t) { return t.set_management_key(Algorithm::aes256, ByteVector(32, 5)).sw; });
    add("reset the applet", Right::reset_applet, "-ccaa-", [](TestToken& t) {
        t.lock_pin();
        for (int i = 0; i < 6; ++i) (void)t.unblock("87654321", kOtherPin);
        return t.reset_applet().sw;
    });
    add("INITIALISE", Right::initialise, "c-----",
        [](TestToken& t) { return t.initialise_command(Profile::compatibility).sw; });
    add("set bench PIN", Right::set_bench_pin, "-c-m--", [](TestToken& t) { return t.set_bench_pin(kOtherPin).sw; });
    add("secure, or unlock at the bench", Right::set_lifecycle, "-ccm.-",
        [](TestToken& t) { return t.set_lifecycle(Lifecycle::secured).sw; });
    add("terminate", Right::set_lifecycle, "-ccmm-",
        [](TestToken& t) { return t.set_lifecycle(Lifecycle::terminated).sw; });
    add("INITIALIZE UPDATE", Right::open_channel, "aaaaa-",
        [](TestToken& t) { return t.send_plain(0x80, 0x50, 0, 0, ByteVector(8, 1)).sw; });
    add("PUT KEY", Right::put_channel_keys, "ccccc-", [](TestToken& t) { return t.put_keys(own_channel_keys()).sw; });
    add("write by parts", Right::write_object, "-ccmm-", [](TestToken& t) {
        return t.write_part(object::seal, 3, 0, {1, 2, 3}).sw;
    });
    out.back().subject = object::seal;
    add("metadata of 9B", Right::get_metadata, "aaaaaa", [](TestToken& t) { return t.metadata(0x9B).sw; },
        {0x9000, 0x6A88});
    add("serial", Right::get_serial, "aaaaaa", [](TestToken& t) { return t.raw("00 F8 00 00 00").sw; });
    add("version", Right::get_version, "aaaaaa", [](TestToken& t) { return t.raw("00 FD 00 00 00").sw; });
    // An empty slot is asked: these tokens have no F9.
    add("attest", Right::attest, "-aaaa-", [](TestToken& t) { return t.raw("00 F9 83 00 00").sw; }, {0x6A88});
    add("attest with a nonce", Right::attest, "-aaaa-",
        [](TestToken& t) { return t.send(0x80, 0x36, 0x83, 0x00, ByteVector(32, 1)).sw; }, {0x6A88});
    add("token status", Right::token_status, "aaaaaa", [](TestToken& t) { return t.status().sw; });

    // Renewal: the PIN, and never 9B. Behind the right: nothing is staged, nothing was committed.
    add("renewal status", Right::renewal_status, "aaaaaa", [](TestToken& t) { return t.send(0x80, 0x41, 0, 0).sw; });
    add("staged public key", Right::renewal_status, "aaaaaa",
        [](TestToken& t) { return t.send(0x80, 0x41, 0x9A, 0).sw; }, {0x6A88});
    add("begin a renewal", Right::renew, "-pppp-", [](TestToken& t) {
        return t.send(0x80, 0x40, 0, 0, concat({ByteVector(16, 1), {0x01, 0x11}})).sw;
    });
    add("abort a renewal", Right::renew, "-pppp-",
        [](TestToken& t) { return t.send(0x80, 0x4A, 0, 0, ByteVector(16, 1)).sw; });
    const auto staged = [&](const char* name, std::uint8_t ins, std::uint8_t p1, std::size_t size, StatusWord found) {
        add(name, Right::renew, "-pppp-",
            [=](TestToken& t) { return t.send(0x80, ins, p1, 0, ByteVector(size, 0)).sw; }, {found});
    };
    staged("attest a staged key", 0x42, 0x9A, 32, 0x6985);
    staged("sign a request", 0x43, 0x9A, 40, 0x6985);
    staged("bring a staged key", 0x48, 0x9D, 100, 0x6985);
    staged("prove a staged key", 0x44, 0x9A, 32, 0x6985);
    staged("purge a former key", 0x4B, 0x82, 16, 0x6985);
    staged("confirm a renewal", 0x4C, 0x9A, 16, 0x6985);
    add("commit", Right::renew, "-pppp-", [](TestToken& t) { return t.send(0x80, 0x49, 0, 0, {0x80}).sw; }, {0x6A80});
    for (const std::uint8_t ins : {0x45, 0x46, 0x47}) {
        add("load a part", Right::renew, "-pppp-",
            [ins](TestToken& t) {
                return t.send(0x80, ins, ins == 0x45 ? 0x9A : 0, 0, from_hex("00000001 00000000 AA")).sw;
            },
            {0x6985});
    }
    return out;
}

// A token in this stage, with keys in 9A, 9C, 9D, 9E, 82 and something in every object, PIN kPin where it has one.
class AccessTable : public ::testing::Test {
protected:
    static void fill(TestToken& token) {
        if (token.authenticate() != sw::ok) throw std::runtime_error("9B refused");
        for (const std::uint8_t slot : {0x9A, 0x9C, 0x9D, 0x9E, 0x82}) (void)token.generate(slot);
        for (const std::uint32_t tag :
             {object::fingerprints, object::facial_image, object::printed_information, object::iris_images,
              object::cert_9a, object::cert_9c, object::cert_9d, object::cert_9e, object::cert_retired_first,
              object::piv_admin_data, object::mscmap_first, object::seal, object::enterprise_record,
              object::issuer_certificate}) {
            if (!token.put_data(tag, ByteVector(40, 7)).ok()) throw std::runtime_error("an object can't be written");
        }
    }
    static std::unique_ptr<TestToken> make(Stage stage) {
        auto token = std::make_unique<TestToken>(platform::FlashGeometry{4096, 40, 256});
        token->manufacture();
        if (stage == Stage::blank) return token;
        const bool compatibility = stage == Stage::compatibility_initialised || stage == Stage::compatibility_secured;
        // With channel keys of its own a plain token has a channel, too.
        token->open_birth(Profile::shipping);
        if (!token->initialise_command(compatibility ? Profile::compatibility : Profile::shipping).ok()) {
            throw std::runtime_error("not born");
        }
        token->wrap_all(false);
        fill(*token);
        if (!token->set_bench_pin(kPin).ok()) throw std::runtime_error("no bench PIN");
        if (stage == Stage::shipping_secured || stage == Stage::compatibility_secured) token->secure();
        if (stage == Stage::shipping_secured) token->activate(kPin);
        if (stage == Stage::terminated && !token->set_lifecycle(Lifecycle::terminated).ok()) {
            throw std::runtime_error("not terminated");
        }
        token->reset();
        return token;
    }
    static bool possible(Stage stage, const Session& session) {
        if (stage == Stage::terminated) return !session.pin && !session.management && !session.channel;
        return stage != Stage::blank || (!session.pin && !session.management);
    }
    static bool prove_9b(TestToken& token) {
        if (token.token().state().config.profile == Profile::compatibility) {
            return token.authenticate(Algorithm::tdes, default_management_key()) == sw::ok;
        }
        return token.authenticate(Algorithm::aes256, shipping_management_key()) == sw::ok;
    }
    static StatusWord expected(char letter, const Session& session) {
        const bool pin = session.pin || session.stands_for_pin;
        const bool management = session.management || session.channel;
        switch (letter) {
            case 'a':
                return 0x9000;
            case 'p':
                return pin ? 0x9000 : 0x6982;
            case 'm':
                return management ? 0x9000 : 0x6982;
            case 'b':
                return pin && management ? 0x9000 : 0x6982;
            case 'x':
                return management ? 0x6985 : 0x6982;
            case 'y':
                return session.channel ? 0x6985 : 0x6982;
            case 'c':
                return session.channel ? 0x9000 : 0x6982;
            default:
                return 0x6985;
        }
    }
    static void check_stage(std::size_t column) {
        const Stage stage = kStageOrder[column];
        const auto token = make(stage);
        ASSERT_EQ(applet::stage_of(token->token().state().config), stage);
        const auto content = token->flash().state();
        const token::ChannelKeys keys = token->channel_keys().copy();
        int allowed = 0;
        int refused = 0;
        for (const Row& row : rows()) {
            if (row.expected[column] == '.') continue;
            for (Session session : kSessions) {
                if (!possible(stage, session)) continue;
                token->flash().restore(content);
                token->knows_keys(keys);
                ASSERT_TRUE(token->power_cycle());
                if (session.management && !prove_9b(*token)) FAIL() << "no 9B";
                if (session.channel && token->open_channel() != sw::ok) FAIL() << "no channel";
                token->wrap_all(session.channel);
                // Last: it is for the next command where a key wants its PIN each time.
                if (session.pin && !token->verify(kPin).ok()) FAIL() << "no PIN";
                session.stands_for_pin = session.channel && (stage == Stage::shipping_initialised ||
                                                             stage == Stage::compatibility_initialised);
                const StatusWord got = row.action(*token);
                const StatusWord want = expected(row.expected[column], session);
                if (want == 0x9000) {
                    ++allowed;
                    EXPECT_NE(std::find(row.allowed.begin(), row.allowed.end(), got), row.allowed.end())
                        << row.name << " by " << session.name << ": " << std::hex << got;
                } else {
                    ++refused;
                    EXPECT_EQ(got, want) << row.name << " by " << session.name;
                }
            }
        }
        std::cout << kStageNames[column] << ": " << allowed << " allowed, " << refused << " refused\n";
        EXPECT_GT(refused, 0);
    }
};

TEST_F(AccessTable, Blank) { check_stage(0); }
TEST_F(AccessTable, ShippingInitialised) { check_stage(1); }
TEST_F(AccessTable, ShippingSecured) { check_stage(2); }
TEST_F(AccessTable, CompatibilityInitialised) { check_stage(3); }
TEST_F(AccessTable, CompatibilitySecured) { check_stage(4); }
TEST_F(AccessTable, Terminated) { check_stage(5); }

TEST_F(AccessTable, EveryRuleIsMetByARow) {
    const auto all = rows();
    for (const applet::Rule& rule : applet::access_rules()) {
        bool met = false;
        for (const Row& row : all) {
            if (row.right != rule.right) continue;
            // The rule that holds for this subject is the first that contains it.
            for (const applet::Rule& candidate : applet::access_rules()) {
                if (candidate.right != row.right || row.subject < candidate.first || candidate.last < row.subject)
                    continue;
                met = met || &candidate == &rule;
                break;
            }
        }
        EXPECT_TRUE(met) << "right " << int(rule.right) << ", subjects " << std::hex << rule.first << ".." << rule.last;
    }
}

// Once an enterprise's key is secured, whoever holds 9B (and the PIN) puts neither another identity nor another secret
// on it.
TEST_F(AccessTable, N21_NothingThatMattersIsWrittenBy9BOnceSecured) {
    const auto token = make(Stage::shipping_secured);
    ASSERT_TRUE(token->verify(kPin).ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    const ByteVector before = token->status().data;
    for (const std::uint8_t slot : {0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x95, 0xF9}) {
        EXPECT_EQ(token->generate(slot).sw, slot == 0xF9 ? 0x6985 : 0x6982);
        EXPECT_NE(token->import_p256(slot).sw, 0x9000);
        EXPECT_NE(token->move(slot, 0xFF).sw, 0x9000);
        EXPECT_NE(token->move(0x82, slot).sw, 0x9000);
        EXPECT_NE(token->move(0x9E, slot).sw, 0x9000);
    }
    for (const std::uint32_t tag :
         {object::cert_9a, object::cert_9c, object::cert_9d, object::cert_9e, object::cert_retired_first,
          object::cert_retired_last, object::chuid, object::ccc, object::key_history, object::seal,
          object::enterprise_record, object::issuer_certificate}) {
        EXPECT_EQ(token->put_data(tag, {1}).sw, 0x6982);
        EXPECT_EQ(token->put_data_chained(tag, ByteVector(600, 1)).sw, 0x6982);
        EXPECT_EQ(token->put_data(tag, {}).sw, 0x6982) << "nor removed";
        EXPECT_EQ(token->write_part(tag, 1, 0, {1}).sw, 0x6982);
    }
    // PIN state, secrets, lifecycle.
    EXPECT_EQ(token->set_retries(9, 9).sw, 0x6985);
    EXPECT_NE(token->unblock(kDefaultPuk, kOtherPin).sw, 0x9000);
    EXPECT_EQ(token->set_management_key(Algorithm::aes256, ByteVector(32, 5)).sw, 0x6982);
    EXPECT_EQ(token->set_bench_pin(kOtherPin).sw, 0x6985);
    EXPECT_EQ(token->put_keys(own_channel_keys()).sw, 0x6982);
    EXPECT_EQ(token->initialise_command(Profile::shipping).sw, 0x6985);
    EXPECT_EQ(token->reset_applet().sw, 0x6982);
    for (const Lifecycle to : {Lifecycle::blank, Lifecycle::initialised, Lifecycle::secured, Lifecycle::terminated}) {
        EXPECT_NE(token->set_lifecycle(to).sw, 0x9000);
    }
    EXPECT_EQ(token->put_data(object::cert_attestation, {1}).sw, 0x6985) << "written once, by nobody any more";
    EXPECT_EQ(token->status().data, before);
}

// A former decryption key that is lost takes the company's files with it.
TEST_F(AccessTable, AFormerDecryptionKeyOutlives9B) {
    const auto token = make(Stage::shipping_secured);
    const ByteVector key = token->metadata(0x82).data;
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->move(0x82, 0xFF).sw, 0x6982) << "deleted";
    EXPECT_EQ(token->move(0x82, 0x83).sw, 0x6982) << "moved away";
    EXPECT_EQ(token->generate(0x82).sw, 0x6982) << "made anew";
    EXPECT_NE(token->import_p256(0x82).sw, 0x9000) << "written over";
    EXPECT_EQ(token->move(0x9E, 0x82).sw, 0x6982) << "another one moved over it";
    EXPECT_EQ(token->put_data(object::cert_retired_first, {}).sw, 0x6982) << "nor its certificate";
    EXPECT_EQ(token->metadata(0x82).data, key);
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(0x82).ok()) << "and works";
}

}  // namespace
}  // namespace sealkey::testing

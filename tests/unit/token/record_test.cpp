// The enterprise record: what goes in comes out, and nothing else is taken.
#include "token/record.h"

#include "fake_connection.h"

namespace sealkey::token {
namespace {

EnterpriseRecord example() {
    EnterpriseRecord record;
    record.unified_code = "91350100M000100Y43";
    record.old_code = "3501M000100Y4";
    record.login_name = "FJTEST01";
    record.enterprise_name = "福建示例进出口有限公司";
    record.key_number = 2;
    record.key_limit = 3;
    record.issued_on = "2026-11-21";
    record.valid_until = "2027-11-20";
    record.authorised_user = "王小明";
    return record;
}

TEST(Record, WhatIsWrittenReadsTheSame) {
    EXPECT_EQ(decode_record(encode_record(example())), example());
    auto plain = example();
    plain.old_code.reset();
    plain.authorised_user.reset();
    plain.english_name = "Fujian Example Import & Export Co., Ltd.";
    EXPECT_EQ(decode_record(encode_record(plain)), plain);
}

TEST(Record, FieldsThatBreakTheirRuleAreNamedAndNotWritten) {
    struct Row {
        const char* name;
        void (*spoil)(EnterpriseRecord&);
    };
    const Row rows[] = {
        {"unified code", [](auto& r) { r.unified_code.pop_back(); }},
        {"unified code", [](auto& r) { r.unified_code[3] = ' '; }},
        {"old code", [](auto& r) { r.old_code = "12345"; }},
        {"login name", [](auto& r) { r.login_name.clear(); }},
        {"login name", [](auto& r) { r.login_name = "名"; }},
        {"login name", [](auto& r) { r.login_name.assign(33, 'A'); }},
        {"enterprise name", [](auto& r) { r.enterprise_name.clear(); }},
        {"enterprise name", [](auto& r) { r.enterprise_name = "a\nb"; }},
        {"enterprise name", [](auto& r) { r.enterprise_name = "\xFF\xFE"; }},
        {"enterprise name", [](auto& r) { r.enterprise_name = "\xE7\xA6"; }},
        {"enterprise name", [](auto& r) { r.enterprise_name.assign(601, 'a'); }},
        {"key number", [](auto& r) { r.key_number = 4; }},
        {"key number", [](auto& r) { r.key_number = 0; }},
        {"date of issue", [](auto& r) { r.issued_on = "2026-13-01"; }},
        {"date of issue", [](auto& r) { r.issued_on = "21.11.2026"; }},
        {"last day", [](auto& r) { r.valid_until = "2025-01-01"; }},
        {"authorised user", [](auto& r) { r.authorised_user = ""; }},
    };
    for (const auto& row : rows) {
        auto record = example();
        row.spoil(record);
        const auto error = test::token_error_of([&] { (void)encode_record(record); });
        EXPECT_EQ(error.kind(), Kind::bad_argument);
        EXPECT_NE(std::string(error.what()).find(row.name), std::string::npos) << error.what();
    }
}

TEST(Record, EveryTruncationIsRefused) {
    auto record = example();
    record.authorised_user.reset();
    const auto whole = encode_record(record);
    for (std::size_t n = 0; n < whole.size(); ++n) {
        EXPECT_EQ(test::token_error_of([&] { (void)decode_record(Bytes(whole).first(n)); }).kind(),
                  Kind::malformed_answer)
            << n;
    }
}

TEST(Record, RepeatedFieldsAreRefusedAndUnknownOnesPassedOver) {
    auto data = encode_record(example());
    auto grown = data;
    for (const auto byte : test::bytes("9F01 02 0102")) grown.push_back(byte);
    EXPECT_EQ(decode_record(grown), example());
    for (const auto byte : test::bytes("85020103")) data.push_back(byte);
    EXPECT_THROW((void)decode_record(data), TokenError);
}

}  // namespace
}  // namespace sealkey::token

// Files of orders: what is read, and that everything that is wrong is told at once, by line.
#include "bench/order_file.h"

#include <gtest/gtest.h>

#include <sstream>

#include "bench/csv.h"

namespace sealkey::bench {
namespace {

using Fields = std::vector<std::string>;

constexpr char kHead[] = "enterprise_name,unified_code,login_name,kind,reason\n";
constexpr char kGood[] = "福建示例进出口有限公司,91350100M000100Y43,FJSL,first,\n";
constexpr char kOther[] = "另一家公司,914403001922038216,OTHER,first,\n";

// "line field" of each problem.
std::string problems(const OrderFile& file) {
    std::ostringstream out;
    for (const OrderProblem& one : file.problems) out << one.line << " " << one.fault.field << "; ";
    return out.str();
}

TEST(Csv, FieldsAsRfc4180HasThem) {
    const auto read = [](std::string_view text) {
        const CsvText table = parse_csv(text);
        EXPECT_TRUE(table.faults.empty()) << text;
        return table.records;
    };
    EXPECT_EQ(read("a,b\r\nc,d"), (std::vector<CsvRecord>{{1, {"a", "b"}}, {2, {"c", "d"}}}));
    EXPECT_EQ(read("a,\n"), (std::vector<CsvRecord>{{1, {"a", ""}}}));
    EXPECT_EQ(read("\"a,\"\"b\"\"\",\"c\r\nd\"\ne,f\n"),
              (std::vector<CsvRecord>{{1, {"a,\"b\"", "c\r\nd"}}, {3, {"e", "f"}}}));
    EXPECT_EQ(read("\xEF\xBB\xBF\"a\"\n\n\r\nb"), (std::vector<CsvRecord>{{1, {"a"}}, {4, {"b"}}}));
    EXPECT_TRUE(read("").empty());
    EXPECT_TRUE(read("\n\r\n").empty());
}

TEST(Csv, FaultsAreToldByLineAndTheRestIsRead) {
    const CsvText table = parse_csv("a,b\"c\nd,e\n\"f\"g,h\ni\rj\nk,l\n\"m,\nn");
    ASSERT_EQ(table.faults.size(), 4U);
    EXPECT_EQ(table.faults[0].line, 1U);
    EXPECT_EQ(table.faults[1].line, 3U);
    EXPECT_EQ(table.faults[2].line, 4U);
    EXPECT_EQ(table.faults[3].line, 6U);  // where the quotation begins that isn't closed
    EXPECT_EQ(table.records, (std::vector<CsvRecord>{{2, {"d", "e"}}, {5, {"k", "l"}}}));
    EXPECT_EQ(parse_csv(std::string_view("a\0b", 3)).faults.size(), 1U);
    EXPECT_EQ(parse_csv(std::string_view("\"a\0b\"", 5)).faults.size(), 1U);
}

TEST(OrderFile, CsvAndJsonGiveTheSameOrders) {
    const OrderFile table = parse_orders_csv(
        "login_name,enterprise_name,unified_code,algorithm,valid_days\r\n"
        "FJSL,福建示例进出口有限公司,91350100M000100Y43,p256,30\r\n"
        "OTHER,\"Other, Ltd\",914403001922038216,,\r\n");
    const OrderFile list = parse_orders_json(
        "[\n {\"login_name\": \"FJSL\", \"enterprise_name\": \"福建示例进出口有限公司\",\n"
        "  \"unified_code\": \"91350100M000100Y43\", \"algorithm\": \"p256\", \"valid_days\": 30},\n"
        " {\"login_name\": \"OTHER\", \"enterprise_name\": \"Other, Ltd\", \"unified_code\": \"914403001922038216\"}]");
    EXPECT_EQ(problems(table), "");
    EXPECT_EQ(problems(list), "");
    ASSERT_EQ(table.orders.size(), 2U);
    ASSERT_EQ(list.orders.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(table.orders[i].order, list.orders[i].order);
    EXPECT_EQ(table.orders[0].order.valid_days, 30);
    EXPECT_EQ(table.orders[1].order.algorithm, "rsa2048");  // an empty field is one that isn't given
    EXPECT_EQ(table.orders[1].line, 3U);
    EXPECT_EQ(list.orders[0].line, 2U);
    EXPECT_EQ(list.orders[1].line, 4U);
}

TEST(OrderFile, N7_EverythingThatIsWrongIsToldAtOnceByLine) {
    const std::string text = std::string(kHead) + kGood +
                             ",91350100M000100Y42,TWO WORDS,additional,\n"  // four fields of one line
                             "X,914403001922038216,OTHER,first\n"           // a field is missing
                             "X,914403001922038216,THIRD,renewal,\n" +
                             "X,914403001922038216,fjsl,first,\n"      // the login name of line 2
                             "X,\"914403001922038216,FIFTH,first,\n";  // a quotation that isn't closed
    const OrderFile file = parse_orders_csv(text);
    EXPECT_EQ(problems(file),
              "3 reason; 3 enterprise_name; 3 login_name; 3 unified_code; 4 ; 5 kind; 6 login_name; 7 ; ");
    for (const OrderProblem& one : file.problems) {
        EXPECT_EQ(one.fault.error.fault() == ca::Fault::bad_code, one.fault.field == "unified_code") << one.line;
    }
}

TEST(OrderFile, LinesOfJsonAreThoseOfTheOrders) {
    const OrderFile file = parse_orders_json(
        "[ {\"kind\":\n\"renewal [{\\\"\"\n},\n\n7, {\"valid_days\": \"30\",\n\"unified_coed\": \"x\"}, []]\n");
    ASSERT_EQ(file.orders.size(), 4U);
    EXPECT_EQ(file.orders[0].line, 1U);
    EXPECT_EQ(file.orders[1].line, 5U);
    EXPECT_EQ(file.orders[2].line, 5U);
    EXPECT_EQ(file.orders[3].line, 6U);
    const std::string told = problems(file);
    for (const char* wanted :
         {"1 kind; ", "1 enterprise_name; ", "5 valid_days; ", "5 unified_coed; ", "5 ; ", "6 ; "}) {
        EXPECT_NE(told.find(wanted), std::string::npos) << wanted << " in " << told;
    }
}

TEST(OrderFile, FieldsNamedTwiceAreRefused) {
    EXPECT_EQ(problems(parse_orders_csv("kind,login_name,kind\nfirst,A,first\n")), "1 kind; ");
    const OrderFile file = parse_orders_json(
        "[{\"enterprise_name\": \"X\", \"unified_code\": \"914403001922038216\", \"login_name\": \"OTHER\"},\n"
        "{\"enterprise_name\": \"X\", \"unified_code\": \"91350100M000100Y43\", \"login_name\": \"A\",\n"
        "\"login_name\": \"B\"}]");
    EXPECT_EQ(problems(file), "2 login_name; ");
    const OrderFile single = parse_orders_json("{\"kind\": \"first\", \"kind\": \"first\"}");
    ASSERT_FALSE(single.problems.empty());
    EXPECT_EQ(single.problems.back().fault.field, "kind");
}

TEST(OrderFile, WhatIsNoFileOfOrdersIsRefusedWithItsLine) {
    EXPECT_EQ(problems(parse_orders_csv("")), "1 ; ");
    EXPECT_EQ(problems(parse_orders_csv(kHead)), "1 ; ");
    EXPECT_EQ(problems(parse_orders_csv("name,code\nX,Y\n")), "1 name; 1 code; ");
    EXPECT_EQ(problems(parse_orders_csv("\"kind\nfirst\n")), "1 ; ");
    EXPECT_EQ(problems(parse_orders_csv(std::string(kHead) + kGood + "\xB8\xA3\xBD\xA8,,,,\n")), "3 ; ");  // GBK
    EXPECT_EQ(problems(parse_orders_json("")), "1 ; ");
    EXPECT_EQ(problems(parse_orders_json("[]")), "1 ; ");
    EXPECT_EQ(problems(parse_orders_json("7")), "1 ; ");
    EXPECT_EQ(problems(parse_orders_json("[\n{},\n{]\n")), "3 ; ");
    EXPECT_EQ(problems(parse_orders_json("[{\"kind\": \"\xFF\"}]")), "1 ; ");
}

TEST(OrderFile, TextsThatWouldForgeALineOrALabelAreRefused) {
    const std::string head = "enterprise_name,unified_code,login_name,english_name,authorised_user,reason\n";
    const std::string body = "X,914403001922038216,OTHER,";
    EXPECT_EQ(problems(parse_orders_csv(head + body + "Good,张三,\"two\nlines\"\n")), "");
    EXPECT_EQ(problems(parse_orders_csv(head + body + "\"a\nb\",\x1b[31m,\n")), "2 english_name; 2 authorised_user; ");
    EXPECT_EQ(problems(parse_orders_csv(head + body + std::string(257, 'x') + ",,\n")), "2 english_name; ");
    EXPECT_EQ(problems(parse_orders_csv("seal_width_mm,seal_height_mm,valid_days\n0,201,4000000000\n"))
                  .find("2 valid_days; 2 "),
              0U);
}

TEST(OrderFile, FilesOfAnotherKindAndThoseThatAreMissingAreRefused) {
    EXPECT_THROW((void)read_orders("/nonexistent/orders.xls"), ca::CaError);
    EXPECT_THROW((void)read_orders("/nonexistent/orders.csv"), ca::CaError);
}

}  // namespace
}  // namespace sealkey::bench

// Orders: what is taken, and what is refused before anything happens.
#include "bench/order.h"

#include <gtest/gtest.h>

#include <functional>

#include "ca/error.h"

namespace sealkey::bench {
namespace {

using nlohmann::json;

Order good() {
    Order order;
    order.enterprise_name = "福建示例进出口有限公司";
    order.unified_code = "91350100M000100Y43";
    order.login_name = "FJSL";
    return order;
}

ca::Fault fault_with(const std::function<void(Order&)>& change) {
    Order order = good();
    change(order);
    try {
        check_order(order);
    } catch (const ca::CaError& error) {
        return error.fault();
    }
    ADD_FAILURE() << "nothing was refused";
    return ca::Fault::crypto;
}

TEST(OrderJson, GoesBothWays) {
    Order order = good();
    order.valid_days = 30;
    order.reason = "two\nlines";
    EXPECT_EQ(order_of_json(json_of(order)), order);
}

TEST(OrderJson, UnknownAndWrongFieldsAreNamed) {
    for (const auto& bad : {json::array(), json("x"), json{{"enterprise", "X"}}, json{{"unified_code", 914403}},
                            json{{"valid_days", "30"}}, json{{"valid_days", -1}}, json{{"valid_days", 1.5}},
                            json{{"seal_width_mm", 1000000}}, json{{"kind", nullptr}}}) {
        EXPECT_THROW((void)order_of_json(bad), ca::CaError) << bad;
    }
    try {
        (void)order_of_json(json{{"unified_coed", "X"}});
    } catch (const ca::CaError& error) {
        EXPECT_NE(std::string(error.what()).find("unified_coed"), std::string::npos);
    }
}

TEST(OrderRules, GoodOnesPass) {
    EXPECT_NO_THROW(check_order(good()));
    Order order = good();
    order.old_code = "3501M000100Y4";
    order.kind = "additional";
    order.reason = "second office";
    EXPECT_NO_THROW(check_order(order));
    order.kind = "replacement";
    order.replaces = "SK2600000013";
    order.lost_or_damaged = "lost";
    order.login_name = "";
    EXPECT_NO_THROW(check_order(order));
}

TEST(OrderRules, N7_BadCodesAreRefused) {
    EXPECT_EQ(fault_with([](Order& o) { o.unified_code = "91350100M000100Y42"; }), ca::Fault::bad_code);
    EXPECT_EQ(fault_with([](Order& o) { o.unified_code = ""; }), ca::Fault::bad_code);
    EXPECT_EQ(fault_with([](Order& o) { o.old_code = "3501M000100Y5"; }), ca::Fault::bad_code);
    EXPECT_EQ(fault_with([](Order& o) { o.old_code = "4403192203821"; }), ca::Fault::bad_code);
}

TEST(OrderRules, N2_N3_AReasonIsNeededInWriting) {
    for (const char* reason : {"", "  ", "\n\t"}) {
        EXPECT_EQ(fault_with([&](Order& o) {
                      o.kind = "additional";
                      o.reason = reason;
                  }),
                  ca::Fault::policy);
        EXPECT_EQ(fault_with([&](Order& o) {
                      o.kind = "replacement";
                      o.replaces = "SK2600000013";
                      o.lost_or_damaged = "lost";
                      o.reason = reason;
                  }),
                  ca::Fault::policy);
    }
}

TEST(OrderRules, FieldsThatDontFitAreRefused) {
    const auto bad = ca::Fault::bad_argument;
    EXPECT_EQ(fault_with([](Order& o) { o.kind = ""; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.kind = "renewal"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.replaces = "SK2600000013"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.lost_or_damaged = "lost"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.enterprise_name = ""; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.enterprise_name = std::string(65, 'x'); }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.login_name = ""; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.login_name = std::string(33, 'X'); }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.login_name = "A B"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.login_name = "名"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.valid_days = 4000; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.algorithm = "rsa1024"; }), bad);
    EXPECT_EQ(fault_with([](Order& o) { o.profile = ""; }), bad);
    EXPECT_EQ(fault_with([](Order& o) {
                  o.kind = "replacement";
                  o.reason = "x";
                  o.replaces = "SK2600000013";
              }),
              bad);
}

}  // namespace
}  // namespace sealkey::bench

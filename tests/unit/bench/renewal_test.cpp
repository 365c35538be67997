// Renewals at the CA, with an enterprise's key in software on the other side: what goes through, what doesn't, and what
// an interruption leaves.
#include <gtest/gtest.h>

#include "ca/enterprise_codes.h"
#include "ca/error.h"
#include "seal/seal.h"
#include "token/certificate_object.h"
#include "token/record.h"
#include "unit/bench/renewal_fixture.h"
#include "unit/seal/maker.h"

namespace sealkey::bench {
namespace {

TEST_F(RenewalTest, N14_FromApprovalToClosed) {
    EXPECT_EQ(desk_->answer("look", {{"serial", token_.serial}}).at("state"), "NONE");
    const std::string rid = begin();
    const json look = desk_->answer("look", {{"serial", token_.serial}});
    EXPECT_EQ(look.at("state"), "APPROVED");
    EXPECT_EQ(look.at("rid"), rid);
    EXPECT_EQ(
        look.at("keys"),
        json::parse(R"([{"slot":"9A","algorithm":"p256","made":"token"},{"slot":"9C","algorithm":"p256","made":"token"},
                                               {"slot":"9D","algorithm":"p256","made":"token"}])"));
    const auto old = live("9C");
    const json issued = request(rid);
    EXPECT_EQ(issued.at("state"), "ISSUED");
    EXPECT_EQ(live("9C"), old);
    EXPECT_EQ(live("9C.next").size(), 1U);
    (void)desk_->answer("prove", token_.proofs(rid, issued.at("nonce")));
    EXPECT_EQ(state(rid), RenewalState::proven);
    EXPECT_EQ(live("9C"), old) << "the old certificate isn't touched before the confirmation";
    EXPECT_EQ(desk_->answer("confirm", token_.confirmation(rid)).at("state"), "CLOSED");
    for (const char* slot : {"9A", "9C", "9D"}) EXPECT_EQ(live(slot).size(), 1U) << slot;
    EXPECT_NE(live("9C"), old);
    EXPECT_TRUE(live("9C.next").empty());
    const auto row = inventory_->token(token_.serial);
    EXPECT_EQ(row.record, issued.at("record"));
    inventory_->check_audit_chain();
}

TEST_F(RenewalTest, Lesson14_OldCertificatesAreInTheRevocationListAsSuperseded) {
    const auto old = live("9A");
    (void)closed(begin());
    const auto revoked = inventory_->revoked();
    EXPECT_EQ(revoked.size(), 3U);
    for (const auto& one : revoked) EXPECT_EQ(one.reason, "superseded");
    EXPECT_EQ(std::count_if(revoked.begin(), revoked.end(), [&](const auto& one) { return one.serial == old[0]; }), 1);
    EXPECT_TRUE(fs::exists(authority_->path("crl.pem")));
}

TEST_F(RenewalTest, Lesson12_TheManifestNamesWhatWasIssuedAndANewGuid) {
    const std::string guid = inventory_->token(token_.serial).guid;
    const std::string rid = begin();
    const json issued = request(rid);
    const std::string manifest = desk_->answer("prove", token_.proofs(rid, issued.at("nonce"))).at("manifest");
    for (const json& one : issued.at("certificates")) {
        const auto object = token::object_of_certificate(ca::unhex(one.at("certificate")));
        EXPECT_NE(manifest.find(ca::sha256_hex(object)), std::string::npos);
    }
    EXPECT_NE(manifest.find(ca::sha256_hex(ca::unhex(issued.at("record")))), std::string::npos);
    const std::string next = RenewalBook(*inventory_).renewal(rid).guid;
    EXPECT_NE(next, guid);
    EXPECT_NE(manifest.find(next), std::string::npos);
    EXPECT_EQ(inventory_->token(token_.serial).guid, guid) << "the key has the old one until it has committed";
    // Signed by the issuing key, over all that stands before the signature.
    const auto bytes = ca::unhex(manifest);
    std::size_t body = bytes.size() - 2;
    while (body > 0 &&
           (bytes[body] != protocol::manifest_tag::signature || bytes[body + 1] != bytes.size() - body - 2)) {
        --body;
    }
    ASSERT_GT(body, 0U);
    const Bytes tail = Bytes(bytes).subspan(body + 2);
    const ca::MdCtx ctx(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestVerifyInit(ctx.get(), nullptr, EVP_sha256(), nullptr, keys_->issuing.get()), 1);
    EXPECT_EQ(EVP_DigestVerify(ctx.get(), tail.data(), tail.size(), bytes.data(), body), 1);
}

TEST_F(RenewalTest, EveryStepCanBeRepeated) {
    const std::string rid = begin();
    const json first = request(rid);
    const auto certificates = inventory_->certificates_of(token_.serial).size();
    EXPECT_EQ(request(rid), first);
    EXPECT_EQ(inventory_->certificates_of(token_.serial).size(), certificates);
    const json manifest = desk_->answer("prove", token_.proofs(rid, first.at("nonce")));
    EXPECT_EQ(desk_->answer("prove", token_.proofs(rid, first.at("nonce"))), manifest);
    // An answer that was lost late is given again too.
    json again = request(rid);
    EXPECT_EQ(again.at("state"), "PROVEN");
    EXPECT_EQ(again.at("certificates"), first.at("certificates"));
    const json done = desk_->answer("confirm", token_.confirmation(rid));
    const auto rows = inventory_->audit_rows().size();
    EXPECT_EQ(desk_->answer("confirm", token_.confirmation(rid, "9A")), done);
    EXPECT_EQ(inventory_->audit_rows().size(), rows);
}

TEST_F(RenewalTest, WhatWasOpenGoesOnAfterTheCaWasStartedAgain) {
    const std::string rid = begin();
    const json issued = request(rid);
    desk_.reset();
    inventory_ = std::make_unique<Inventory>(path());
    desk_ = std::make_unique<RenewalDesk>(*inventory_, *authority_, *keys_, "clerk");
    EXPECT_EQ(request(rid), issued);
    EXPECT_EQ(closed(rid), "CLOSED");
}

TEST_F(RenewalTest, ConfirmedWithoutAListIsClosedLater) {
    const std::string rid = begin();
    (void)proven(rid);
    {
        Inventory::Work work(*inventory_, "clerk");
        RenewalBook book(*inventory_);
        RenewalRow row = book.renewal(rid);
        book.advance(work, row, RenewalState::confirmed, json::object());
        book.take_over(work, row);
        work.commit();
    }
    EXPECT_EQ(desk_->close_confirmed(), 1);
    EXPECT_EQ(state(rid), RenewalState::closed);
    EXPECT_EQ(desk_->close_confirmed(), 0);
}

TEST_F(RenewalTest, UseOfTheNewCertificateConfirmsAsWell) {
    const std::string rid = begin();
    const auto issued_but_unproven = [&] { return RenewalBook(*inventory_).renewal(rid).keys[0].certificate; };
    (void)request(rid);
    refused(Fault::policy, [&] { (void)desk_->confirm_by_use(issued_but_unproven()); });
    (void)proven(rid);
    const std::string serial = RenewalBook(*inventory_).renewal(rid).keys[0].certificate;
    EXPECT_EQ(desk_->confirm_by_use(serial).state, RenewalState::closed);
    EXPECT_EQ(desk_->confirm_by_use(serial).state, RenewalState::closed);
    EXPECT_EQ(live("9A"), std::vector<std::string>{serial});
    EXPECT_EQ(desk_->answer("confirm", token_.confirmation(rid)).at("state"), "CLOSED");
    refused(Fault::unknown, [&] { (void)desk_->confirm_by_use("00"); });
    refused(Fault::unknown, [&] { (void)desk_->confirm_by_use(""); });
}

// ---- what is refused -----------------------------------------------------------------------------------------------

TEST_F(RenewalTest, NothingGoesWithoutApproval) {
    for (const char* slot : {"9A", "9C", "9D"}) token_.new_keys[slot] = make_key("p256");
    slots_ = {"9A", "9C", "9D"};
    const std::string rid(32, '1');
    refused(Fault::unknown, [&] { (void)request(rid); });
    refused(Fault::unknown, [&] { (void)desk_->answer("prove", token_.proofs(rid, std::string(64, '0'))); });
    refused(Fault::unknown, [&] { (void)desk_->answer("confirm", token_.confirmation(rid)); });
    RenewalOrder order = wish();
    order.request = "  ";
    refused(Fault::policy, [&] { (void)desk_->approve(order); });
    order = wish();
    order.serial = "SK0000000000";
    refused(Fault::unknown, [&] { (void)desk_->approve(order); });
}

TEST_F(RenewalTest, StepsInTheWrongOrderAreRefused) {
    const std::string rid = begin();
    refused(Fault::policy, [&] { (void)desk_->answer("prove", token_.proofs(rid, std::string(64, '0'))); });
    refused(Fault::policy, [&] { (void)desk_->answer("confirm", token_.confirmation(rid)); });
    (void)request(rid);
    refused(Fault::policy, [&] { (void)desk_->answer("confirm", token_.confirmation(rid)); });
    (void)closed(rid);
    refused(Fault::policy, [&] { (void)request(rid); });
    refused(Fault::policy, [&] { (void)desk_->answer("prove", token_.proofs(rid, std::string(64, '0'))); });
    refused(Fault::unknown, [&] { (void)desk_->answer("format", json::object()); });
}

TEST_F(RenewalTest, ForeignRequestsAreRefused) {
    const std::string rid = begin();
    const json good = token_.request(rid, slots_);
    const auto with = [&](std::size_t i, const json& entry) {
        json bad = good;
        bad["keys"][i] = entry;
        return bad;
    };
    const ca::PKey strange = make_key("p256");
    const std::string other(32, 'a');
    EVP_PKEY* const signing = token_.new_keys.at("9C").get();
    const struct {
        const char* what;
        Fault fault;
        json message;
    } cases[] = {
        {"no consent by the old key", Fault::forged, with(1, token_.entry(rid, "9C", signing, strange.get()))},
        {"the new key consents for itself", Fault::forged, with(1, token_.entry(rid, "9C", signing, signing))},
        {"9A consents for 9C", Fault::forged,
         with(1, token_.entry(rid, "9C", signing, token_.old_keys.at("9A").get()))},
        {"9D consents for itself", Fault::forged,
         with(2, token_.entry(rid, "9D", token_.new_keys.at("9D").get(), token_.old_keys.at("9D").get()))},
        {"consent to another renewal", Fault::forged,
         with(1, token_.entry(other, "9C", signing, token_.consenting("9C")))},
        {"the old key again", Fault::bad_request,
         with(1, token_.entry(rid, "9C", token_.old_keys.at("9C").get(), token_.consenting("9C")))},
        {"one key for two slots", Fault::bad_request,
         with(1, token_.entry(rid, "9C", token_.new_keys.at("9A").get(), token_.consenting("9C")))},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.what);
        refused(one.fault, [&] { (void)desk_->answer("request", one.message); });
    }
    // Another key's request under this consent.
    json swapped = good;
    swapped["keys"][1]["request"] = ca::hex(csr_of(strange.get()).request);
    refused(Fault::forged, [&] { (void)desk_->answer("request", swapped); });
    // A request signed by somebody else than its key.
    json unsigned_one = good;
    std::string text = unsigned_one["keys"][0]["request"];
    text.back() = text.back() == '0' ? '1' : '0';
    unsigned_one["keys"][0]["request"] = text;
    refused(Fault::bad_request, [&] { (void)desk_->answer("request", unsigned_one); });
    EXPECT_EQ(desk_->answer("request", good).at("state"), "ISSUED");
}

TEST_F(RenewalTest, AnotherTokensConsentIsRefused) {
    const SoftToken mine = std::move(token_);
    token_ = deliver(kOtherCode, "ANDERE", ca::now() + days(300));
    const std::string rid = begin();
    SoftToken thief;
    thief.serial = mine.serial;
    json keys = json::array();
    for (const auto& slot : slots_) {
        keys.push_back(token_.entry(rid, slot, token_.new_keys.at(slot).get(), mine.consenting(slot)));
    }
    refused(Fault::forged, [&] {
        (void)desk_->answer("request", {{"rid", rid}, {"device", token_.device()}, {"keys", keys}});
    });
}

TEST_F(RenewalTest, TheSameRenewalWithOtherKeysIsRefused) {
    const std::string rid = begin();
    const json issued = request(rid);
    const SoftToken before = std::move(token_);
    token_.serial = before.serial;
    token_.numeric_serial = before.numeric_serial;
    token_.identity = before.identity;
    token_.challenge = before.challenge;
    for (const auto& [slot, key] : before.old_keys) {
        EVP_PKEY_up_ref(key.get());
        token_.old_keys[slot].reset(key.get());
        token_.new_keys[slot] = make_key("p256");
    }
    refused(Fault::policy, [&] { (void)request(rid); });
    (void)desk_->answer("prove", before.proofs(rid, issued.at("nonce")));
    refused(Fault::policy, [&] { (void)request(rid); });
    refused(Fault::forged, [&] { (void)desk_->answer("confirm", token_.confirmation(rid)); });
    EXPECT_EQ(desk_->answer("confirm", before.confirmation(rid)).at("state"), "CLOSED");
}

TEST_F(RenewalTest, WrongProofsGiveNoManifest) {
    const std::string rid = begin();
    const std::string nonce = request(rid).at("nonce");
    refused(Fault::forged, [&] { (void)desk_->answer("prove", token_.proofs(rid, std::string(64, '0'))); });
    json swapped = token_.proofs(rid, nonce);
    std::swap(swapped["proofs"][0]["signature"], swapped["proofs"][1]["signature"]);
    refused(Fault::forged, [&] { (void)desk_->answer("prove", swapped); });
    json fewer = token_.proofs(rid, nonce);
    fewer["proofs"].erase(2);
    refused(Fault::bad_request, [&] { (void)desk_->answer("prove", fewer); });
    json twice = token_.proofs(rid, nonce);
    twice["proofs"][2] = twice["proofs"][1];
    refused(Fault::bad_request, [&] { (void)desk_->answer("prove", twice); });
    // The old key proves nothing.
    SoftToken old;
    for (const auto& [slot, key] : token_.old_keys) {
        EVP_PKEY_up_ref(key.get());
        old.new_keys[slot].reset(key.get());
    }
    refused(Fault::forged, [&] { (void)desk_->answer("prove", old.proofs(rid, nonce)); });
    EXPECT_EQ(state(rid), RenewalState::issued);
}

TEST_F(RenewalTest, AProofIsntAConfirmation) {
    const std::string rid = begin();
    const std::string nonce = request(rid).at("nonce");
    const json proofs = token_.proofs(rid, nonce);
    (void)desk_->answer("prove", proofs);
    refused(Fault::forged, [&] {
        (void)desk_->answer("confirm", {{"rid", rid}, {"slot", "9C"}, {"signature", proofs["proofs"][1]["signature"]}});
    });
    json by_old = token_.confirmation(rid);
    by_old["signature"] =
        ca::hex(signature(token_.old_keys.at("9C").get(), token::committed_statement(SoftToken::rid(rid))));
    refused(Fault::forged, [&] { (void)desk_->answer("confirm", by_old); });
    json other = token_.confirmation(std::string(32, 'b'));
    other["rid"] = rid;
    refused(Fault::forged, [&] { (void)desk_->answer("confirm", other); });
    for (const char* slot : {"9D", "9E", "82", ""}) {
        json wrong = token_.confirmation(rid);
        wrong["slot"] = slot;
        refused(Fault::bad_request, [&] { (void)desk_->answer("confirm", wrong); });
    }
    EXPECT_EQ(live("9C").size(), 1U);
}

TEST_F(RenewalTest, MessagesThatBreakTheirFormAreRefused) {
    const std::string rid = begin();
    const json good = token_.request(rid, slots_);
    for (const char* text :
         {"null", "[]", "{}", R"({"rid":1})", R"({"keys":[]})", R"("text")", R"({"rid":null,"keys":null})"}) {
        refused(Fault::bad_request, [&] { (void)desk_->answer("request", json::parse(text)); });
    }
    const auto without = [&](const char* field) {
        json bad = good;
        bad["keys"][0].erase(field);
        return bad;
    };
    for (const char* field : {"slot", "request", "consent", "attestation"}) {
        refused(Fault::bad_request, [&] { (void)desk_->answer("request", without(field)); });
    }
    json anonymous = good;
    anonymous.erase("device");
    refused(Fault::bad_request, [&] { (void)desk_->answer("request", anonymous); });
    for (const json& value : {json(""), json("xyz"), json("ABC"), json(1), json(std::string(40000, '0'))}) {
        json bad = good;
        bad["keys"][0]["request"] = value;
        refused(Fault::bad_request, [&] { (void)desk_->answer("request", bad); });
    }
    json more = good;
    more["keys"].push_back(good["keys"][0]);
    refused(Fault::bad_request, [&] { (void)desk_->answer("request", more); });
    refused(Fault::bad_request, [&] { (void)desk_->answer("look", json::object()); });
}

TEST_F(RenewalTest, ExpiredCertificatesAreRenewedForThirtyDays) {
    token_ = deliver(kOtherCode, "SPAET", ca::now() - days(29));
    const std::string rid = begin();
    EXPECT_EQ(closed(rid), "CLOSED");
    token_ = deliver(kOtherCode, "ZUSPAET", ca::now() - days(31), "additional");
    refused(Fault::expired, [&] { (void)begin(); });
}

TEST_F(RenewalTest, ApprovedInTimeAndAskedForTooLateIsRefused) {
    token_ = deliver(kOtherCode, "KNAPP", ca::now() - days(29));
    const std::string rid = begin();
    // Two days pass: the certificate in the inventory is made that much older.
    soci::session sql;
    open_past_the_program(sql, path());
    for (const auto& row : inventory_->certificates_of(token_.serial)) {
        if (row.slot == kDeviceSlot) continue;
        const ca::Cert cert = ca::certificate_of_der(ca::unhex(row.der));
        ASN1_TIME_set(X509_getm_notAfter(cert.get()), (ca::now() - days(31)).time_since_epoch().count());
        ca::sign_certificate(cert.get(), keys_->issuing.get());
        const std::string der = ca::hex(ca::der_of(cert.get()));
        sql << "UPDATE certificates SET der = :d WHERE serial = :s", soci::use(der), soci::use(row.serial);
    }
    refused(Fault::expired, [&] { (void)request(rid); });
}

TEST_F(RenewalTest, RevokedLostAndSuspendedKeysAreRefusedAtEveryStep) {
    for (const TokenState end : {TokenState::revoked, TokenState::lost, TokenState::damaged, TokenState::suspended}) {
        SCOPED_TRACE(name_of(end));
        token_ = deliver(kOtherCode, std::string("X") + name_of(end), ca::now() + days(300), "additional");
        const std::string rid = begin();
        const std::string nonce = request(rid).at("nonce");
        const json proofs = token_.proofs(rid, nonce);
        {
            Inventory::Work work(*inventory_, "clerk");
            if (end == TokenState::revoked) work.revoke_certificates(token_.serial, "keyCompromise", ca::now());
            work.set_state(token_.serial, end, "test");
            work.commit();
        }
        if (end == TokenState::revoked) {
            // Its renewal has ended with it: there is none to go on with.
            EXPECT_FALSE(ca::is_open(ca::parse_renewal_state(
                desk_->answer("look", {{"serial", token_.serial}}).at("state").get<std::string>())));
        } else {
            refused(Fault::policy, [&] { (void)desk_->answer("look", {{"serial", token_.serial}}); });
        }
        refused(Fault::policy, [&] { (void)request(rid); });
        refused(Fault::policy, [&] { (void)desk_->answer("prove", proofs); });
        RenewalOrder order = wish();
        refused(Fault::policy, [&] { (void)desk_->approve(order); });
        if (end == TokenState::revoked) {
            EXPECT_TRUE(live("9C.next").empty()) << "the new one is revoked with the key";
        }
    }
}

TEST_F(RenewalTest, AKeyRevokedAfterTheCommitIsntBroughtBackByItsConfirmation) {
    const std::string rid = begin();
    (void)proven(rid);
    {
        Inventory::Work work(*inventory_, "clerk");
        work.revoke_certificates(token_.serial, "keyCompromise", ca::now());
        work.set_state(token_.serial, TokenState::revoked, "test");
        work.commit();
    }
    refused(Fault::policy, [&] { (void)desk_->answer("confirm", token_.confirmation(rid)); });
    for (const char* slot : {"9A", "9C", "9D"}) EXPECT_TRUE(live(slot).empty());
}

TEST_F(RenewalTest, OneRenewalAtATime) {
    const std::string rid = begin();
    refused(Fault::policy, [&] { (void)desk_->approve(wish()); });
    (void)closed(rid);
    // The next one renews the renewed keys.
    token_.old_keys = std::move(token_.new_keys);
    token_.new_keys.clear();
    const std::string next = begin();
    EXPECT_NE(next, rid);
    EXPECT_EQ(closed(next), "CLOSED");
    EXPECT_EQ(live("9C").size(), 1U);
    EXPECT_EQ(inventory_->revoked().size(), 6U);
}

TEST_F(RenewalTest, N17_ARefusalSaysWhyAndTheRequestCanBeCorrected) {
    refused(Fault::bad_argument, [&] { (void)desk_->refuse(token_.serial, " "); });
    (void)desk_->refuse(token_.serial, "the licence is unreadable");
    json look = desk_->answer("look", {{"serial", token_.serial}});
    EXPECT_EQ(look.at("state"), "REFUSED");
    EXPECT_EQ(look.at("remark"), "the licence is unreadable");
    const std::string rid = begin();
    const auto old = live("9C");
    (void)request(rid);
    (void)desk_->refuse(token_.serial, "approved by mistake");
    EXPECT_TRUE(live("9C.next").empty()) << "what was issued for it is revoked";
    EXPECT_EQ(live("9C"), old);
    refused(Fault::policy, [&] { (void)request(rid); });
    EXPECT_EQ(closed(begin()), "CLOSED");
}

TEST_F(RenewalTest, OnceTheManifestIsOutItCantBeRefused) {
    const std::string rid = begin();
    (void)proven(rid);
    refused(Fault::policy, [&] { (void)desk_->refuse(token_.serial, "too late"); });
    EXPECT_EQ(desk_->answer("confirm", token_.confirmation(rid)).at("state"), "CLOSED");
}

TEST_F(RenewalTest, OnlyTheKeysThatWereApproved) {
    RenewalOrder order = wish();
    order.slots = {"9A"};
    const std::string rid = begin(order);
    token_.new_keys["9C"] = make_key("p256");
    refused(Fault::bad_request, [&] { (void)desk_->answer("request", token_.request(rid, {"9A", "9C"})); });
    refused(Fault::bad_request, [&] { (void)desk_->answer("request", token_.request(rid, {"9C"})); });
    token_.new_keys.erase("9C");
    const auto signing = live("9C");
    const json issued = request(rid);
    EXPECT_EQ(issued.at("seal"), "");
    (void)desk_->answer("prove", token_.proofs(rid, issued.at("nonce")));
    (void)desk_->answer("confirm", token_.confirmation(rid, "9A"));
    EXPECT_EQ(live("9C"), signing);
    EXPECT_EQ(live("9A").size(), 1U);
    for (const std::vector<std::string>& slots : {std::vector<std::string>{"9E"}, {"9A", "9A"}, {"9a"}, {"9A", "82"}}) {
        order.slots = slots;
        EXPECT_THROW((void)desk_->approve(order), ca::CaError);
    }
}

// ---- change of information and of algorithm ------------------------------------------------------------------------

TEST_F(RenewalTest, N7_N16_FromTheOldCodeToTheUnifiedOne) {
    token_ = deliver(kOldCode, "ALT", ca::now() + days(300));
    RenewalOrder order = wish();
    order.unified_code = kOtherCode;
    refused(Fault::bad_code, [&] { (void)desk_->approve(order); });
    order.unified_code = "91350100M000100Y44";  // wrong check character
    refused(Fault::bad_code, [&] { (void)desk_->approve(order); });
    order.unified_code = kCode;
    order.slots = {"9A"};
    refused(Fault::policy, [&] { (void)desk_->approve(order); });
    order.slots.clear();
    const std::string rid = begin(order);
    const json issued = request(rid);
    const auto record = token::decode_record(ca::unhex(issued.at("record")));
    EXPECT_EQ(record.unified_code, kCode);
    EXPECT_EQ(record.old_code, kOldCode);
    EXPECT_EQ(record.login_name, "ALT");
    EXPECT_EQ(inventory_->token(token_.serial).unified_code, kOldCode);
    EXPECT_EQ(closed(rid), "CLOSED");
    EXPECT_EQ(inventory_->token(token_.serial).unified_code, kCode);
}

TEST_F(RenewalTest, N16_AKeyIsntPassedOnToAnotherEnterprise) {
    RenewalOrder order = wish();
    order.unified_code = kOtherCode;
    refused(Fault::bad_code, [&] { (void)desk_->approve(order); });
    order.unified_code = std::string(kSameOrganisation) + ca::unified_check_character(kSameOrganisation);
    const std::string rid = begin(order);
    EXPECT_EQ(closed(rid), "CLOSED");
    EXPECT_EQ(inventory_->token(token_.serial).unified_code, order.unified_code);
}

TEST_F(RenewalTest, N16_ANewNameStandsInCertificatesAndRecord) {
    RenewalOrder order = wish();
    order.enterprise_name = "示例国际贸易有限公司";
    const std::string rid = begin(order);
    const json issued = request(rid);
    EXPECT_EQ(token::decode_record(ca::unhex(issued.at("record"))).enterprise_name, order.enterprise_name);
    for (const json& one : issued.at("certificates")) {
        const ca::Cert cert = ca::certificate_of_der(ca::unhex(one.at("certificate")));
        char name[256] = {};
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert.get()), NID_organizationName, name, sizeof name);
        EXPECT_EQ(name, order.enterprise_name);
    }
}

TEST_F(RenewalTest, ChangeOfAlgorithm) {
    RenewalOrder order = wish();
    order.algorithm = "rsa2048";
    const std::string rid = begin(order);
    EXPECT_EQ(desk_->answer("look", {{"serial", token_.serial}}).at("keys")[0].at("algorithm"), "rsa2048");
    // Another algorithm than approved isn't taken.
    ca::PKey approved = std::move(token_.new_keys["9A"]);
    token_.new_keys["9A"] = make_key("p256");
    refused(Fault::bad_request, [&] { (void)request(rid); });
    token_.new_keys["9A"] = std::move(approved);
    EXPECT_EQ(closed(rid), "CLOSED");
    order.algorithm = "md5";
    token_.old_keys = std::move(token_.new_keys);
    token_.new_keys.clear();
    refused(Fault::bad_argument, [&] { (void)desk_->approve(order); });
    order.algorithm = "p256";
    EXPECT_EQ(closed(begin(order)), "CLOSED");
}

// ---- the seal ------------------------------------------------------------------------------------------------------

ca::ByteVector picture() { return seal::test::png(40, 40); }

TEST_F(RenewalTest, N15_ARenewalMayBringTheSealAndLaterOnesReissueIt) {
    RenewalOrder order = wish();
    order.picture = picture();
    ASSERT_FALSE(order.picture.empty());
    order.slots = {"9A"};
    refused(Fault::policy, [&] { (void)desk_->approve(order); });
    order.slots.clear();
    std::string rid = begin(order);
    json issued = request(rid);
    const auto listed = [&](const json& answer) {
        const seal::Seal seal = seal::parse_seal(ca::unhex(answer.at("seal")));
        seal::verify_signature(seal);
        seal::require_listed(seal, ca::unhex(answer.at("certificates")[1].at("certificate")));
        return seal;
    };
    const seal::Seal first = listed(issued);
    EXPECT_EQ(first.info.picture.data, order.picture);
    EXPECT_EQ(inventory_->token(token_.serial).seal, "");
    EXPECT_EQ(closed(rid), "CLOSED");
    EXPECT_EQ(inventory_->token(token_.serial).seal, issued.at("seal"));
    // The next renewal, without a picture: the same one, for the new certificate, under another number.
    token_.old_keys = std::move(token_.new_keys);
    token_.new_keys.clear();
    rid = begin();
    issued = request(rid);
    const seal::Seal second = listed(issued);
    EXPECT_EQ(second.info.picture.data, first.info.picture.data);
    EXPECT_NE(second.info.id, first.info.id);
    EXPECT_NE(second.info.certificates, first.info.certificates);
}

// ---- the tables ----------------------------------------------------------------------------------------------------

TEST(RenewalStates, TheTable) {
    using enum RenewalState;
    const std::vector<std::pair<RenewalState, RenewalState>> allowed = {
        {approved, requested}, {requested, issued}, {issued, proven},     {proven, confirmed},
        {confirmed, closed},   {approved, refused}, {requested, refused}, {issued, refused}};
    std::size_t count = 0;
    for (const auto from : ca::all_renewal_states()) {
        EXPECT_EQ(ca::parse_renewal_state(ca::name_of(from)), from);
        for (const auto to : ca::all_renewal_states()) {
            const bool listed = std::count(allowed.begin(), allowed.end(), std::pair(from, to)) == 1;
            EXPECT_EQ(ca::may_follow(from, to), listed) << ca::name_of(from) << " " << ca::name_of(to);
            count += listed ? 1 : 0;
        }
    }
    EXPECT_EQ(count, allowed.size());
    EXPECT_THROW((void)ca::parse_renewal_state("approved"), ca::CaError);
}

TEST(RenewalSchema, AnInventoryOfTheFirstVersionGainsTheTables) {
    const std::string file = (fs::temp_directory_path() / ("sealkey-v1-" + std::to_string(::getpid()))).string();
    fs::remove(file);
    const std::string path = new_place(file);
    { const Inventory made(path); }
    {
        soci::session sql;
        open_past_the_program(sql, path);
        back_to_version_5(sql);
        sql << "DROP INDEX certificates_by_number";
        sql << "ALTER TABLE certificates DROP COLUMN number";
        sql << "DROP TABLE jobs";
        sql << "DROP TABLE renewal_keys";
        sql << "DELETE FROM meta WHERE name = 'audit_head'";
        sql << "DROP TABLE renewals";
        sql << (on_postgresql() ? "UPDATE meta SET value = '1' WHERE name = 'schema_version'"
                                : "PRAGMA user_version = 1");
    }
    Inventory opened(path);
    EXPECT_TRUE(RenewalBook(opened).all().empty());
    fs::remove(file);
}

}  // namespace
}  // namespace sealkey::bench

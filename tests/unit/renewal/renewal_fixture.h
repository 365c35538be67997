// An issued key with the PIN presented, its CA, and renewal's commands as status words.
#pragma once

#include <gtest/gtest.h>

#include "support/renewal_desk.h"

namespace sealkey::testing {

inline const std::vector<token::StageRole>& all_roles() {
    static const std::vector<token::StageRole> roles = {{ref::authentication, Algorithm::p256},
                                                        {ref::signature, Algorithm::p256},
                                                        {ref::key_management, Algorithm::p256}};
    return roles;
}

class RenewalTest : public ::testing::Test {
protected:
    explicit RenewalTest(Profile profile = Profile::compatibility) : issued_(issued_key(ca(), profile)) {
        EXPECT_TRUE(key().verify(issued_.pin).ok());
    }
    static TestCa& ca() {
        static TestCa one;
        return one;
    }
    TestToken& key() { return *issued_.token; }
    token::Token& client() { return client_; }

    // --- commands, as they are on the wire ---
    Reply own(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data = {}) {
        return key().send(0x80, ins, p1, p2, data);
    }
    static ByteVector rid(std::uint8_t number) { return ByteVector(16, number); }
    Reply begin(std::uint8_t number, std::uint8_t roles, const ByteVector& algorithms) {
        return own(0x40, 0, 0, concat({rid(number), {roles}, algorithms}));
    }
    ByteVector status() { return own(0x41, 0, 0).data; }
    Reply csr(std::uint8_t role, const ByteVector& info, std::uint8_t who = 0) { return own(0x43, role, who, info); }
    Reply prove(std::uint8_t role) { return own(0x44, role, 0, ByteVector(32, 7)); }
    static ByteVector part(std::size_t total, std::size_t offset, const ByteVector& bytes) {
        ByteVector head(8);
        store_be32(head.data(), static_cast<std::uint32_t>(total));
        store_be32(head.data() + 4, static_cast<std::uint32_t>(offset));
        return concat({head, bytes});
    }
    Reply load(std::uint8_t ins, std::uint8_t p1, const ByteVector& value) {
        return own(ins, p1, 0, part(value.size(), 0, value));
    }
    Reply commit(const ByteVector& manifest) { return own(0x49, 0, 0, manifest); }
    Reply abort(std::uint8_t number) { return own(0x4A, 0, 0, rid(number)); }

    // --- steps ---
    void begin_all(std::uint8_t number, const std::vector<token::StageRole>& roles = all_roles()) {
        token::Rid name{};
        name.fill(number);
        token::BeginAnswer answer{1, false};
        while (answer.missing > 0) answer = token::stage_begin(client(), name, roles);
    }
    PKey staged_key(std::uint8_t role) {
        const auto status = token::stage_status(client());
        return key_of(token::stage_public_key(client(), *status.role(role)));
    }
    // Everything up to the manifest: certificates of the given CA loaded.
    token::Manifest stage_all(std::uint8_t number, TestCa& by,
                              const std::vector<token::StageRole>& roles = all_roles()) {
        begin_all(number, roles);
        token::Manifest manifest = manifest_of(number, roles);
        for (const std::uint8_t role : protocol::kRoles) {
            if ((manifest.roles >> role_number(role) & 1) == 0) continue;
            const ByteVector object_of = certificate_object(by.issue(staged_key(role), "renewed"));
            token::stage_certificate(client(), role, object_of);
            manifest.certificates.push_back(digest_of(object_of));
        }
        return manifest;
    }
    static std::size_t role_number(std::uint8_t role) {
        return role == ref::authentication ? 0 : role == ref::signature ? 1 : 2;
    }
    static token::Manifest manifest_of(std::uint8_t number, const std::vector<token::StageRole>& roles) {
        token::Manifest manifest;
        manifest.serial = std::string(kSerial);
        manifest.rid.fill(number);
        manifest.roles = token::role_bits(roles);
        manifest.guid.fill(static_cast<std::uint8_t>(0x80 + number));
        return manifest;
    }

    // Everything in use, and what the keys are.
    std::vector<Reply> in_use() {
        std::vector<Reply> out;
        for (const std::uint32_t tag :
             {object::chuid, object::key_history, object::cert_9a, object::cert_9c, object::cert_9d, object::seal,
              object::enterprise_record, object::issuer_certificate, object::cert_retired_first}) {
            out.push_back(key().get_data(tag));
        }
        for (const std::uint8_t slot : {ref::authentication, ref::signature, ref::key_management, ref::retired_first}) {
            out.push_back(key().metadata(slot));
        }
        return out;
    }
    PKey key_in(std::uint8_t slot) { return key_of(client().metadata(slot).public_key); }
    // The key in a slot and the certificate there belong together, and it signs.
    bool usable(std::uint8_t slot) {
        const ByteVector der = client().read_certificate(slot);
        if (EVP_PKEY_eq(key_of_certificate(der).get(), key_in(slot).get()) != 1) return false;
        const ByteVector message = {1, 2, 3};
        const token::Digest digest = digest_of(message);
        const auto algorithm = client().metadata(slot).algorithm;
        ByteVector input(digest.begin(), digest.end());
        if (algorithm == Algorithm::rsa2048) {
            input = concat({{0x00, 0x01},
                            ByteVector(202, 0xFF),
                            {0x00},
                            from_hex("3031300d060960864801650304020105000420"),
                            input});
        }
        const PKey own = key_in(slot);
        if (!key().verify(issued_.pin).ok()) return false;
        return verifies(own, message, client().sign(slot, algorithm, input));
    }
    // ECDH with a fresh key: what somebody encrypted to `peer` opens with the key in the slot.
    bool decrypts(std::uint8_t slot, const PKey& peer) {
        const PKey fresh = new_key("P-256");
        std::size_t size = 0;
        ByteVector point(65);
        EVP_PKEY_get_octet_string_param(fresh.get(), "pub", point.data(), point.size(), &size);
        std::shared_ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(fresh.get(), nullptr), EVP_PKEY_CTX_free);
        ByteVector expected(32);
        size = expected.size();
        if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
            EVP_PKEY_derive(context.get(), expected.data(), &size) != 1) {
            return false;
        }
        return key().verify(issued_.pin).ok() && client().derive(slot, Algorithm::p256, point) == expected;
    }

    IssuedKey issued_;
    token::Token client_{std::make_unique<TokenConnection>(*issued_.token)};
};

}  // namespace sealkey::testing

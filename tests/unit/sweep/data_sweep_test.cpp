// Power cuts in everything that writes keys, certificates and data.
#include "unit/sweep/apdu_sweep.h"

namespace sealkey::testing {
namespace {

ByteVector bytes(std::size_t size, std::uint8_t seed) {
    ByteVector out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(seed + i * 7 + i / 251);
    return out;
}

ByteVector certificate(std::size_t size, std::uint8_t seed) { return certificate_object(bytes(size, seed)); }

void open_for_bench(TestToken& token) { ASSERT_EQ(token.authenticate(), sw::ok); }

void set_up(TestToken& token) {
    open_for_bench(token);
    ASSERT_TRUE(token.generate(ref::authentication).ok());
    ASSERT_TRUE(token.put_data(object::cert_9a, certificate(900, 1)).ok());
    ASSERT_TRUE(token.put_data(object::seal, bytes(700, 2)).ok());
}

// The key that was there is there.
void same_key(Judged& j) {
    EXPECT_EQ(public_key(j.token, ref::authentication), j.key_before) << j.where;
    expect_pin_opens(j, kDefaultPin);
}

TEST_P(ApduSweep, Lesson12_GenerateReplacesKeyAndCertificateTogether) {
    sweep(Profile::compatibility,
          {"GENERATE P-256", set_up, open_for_bench, [](TestToken& t) { return t.generate(ref::authentication); },
           [](Judged& j) {
               // The facts tell whether the old key's certificate is there.
               const bool old = public_key(j.token, ref::authentication) == j.key_before;
               EXPECT_EQ(old, !j.after) << j.where << ": key and certificate don't belong";
               expect_pin_opens(j, kDefaultPin);
           }});
}

TEST_P(ApduSweep, GenerateIntoAnEmptySlot) {
    sweep(
        Profile::compatibility,
        {"GENERATE P-256, empty slot", set_up, open_for_bench, [](TestToken& t) { return t.generate(ref::signature); },
         [](Judged& j) {
             same_key(j);
             EXPECT_EQ(public_key(j.token, ref::signature).size(), j.after ? 65U : 0U) << j.where;
             if (!j.after) return;
             EXPECT_TRUE(j.token.verify(kDefaultPin).ok());
             EXPECT_TRUE(key_works(j.token, ref::signature)) << j.where << ": the new key doesn't work";
         }});
}

TEST_P(ApduSweep, Import) {
    sweep(Profile::compatibility,
          {"import P-256", set_up, open_for_bench, [](TestToken& t) { return t.import_p256(ref::authentication); },
           [](Judged& j) {
               const bool old = public_key(j.token, ref::authentication) == j.key_before;
               EXPECT_EQ(old, !j.after) << j.where;
               expect_pin_opens(j, kDefaultPin);
           }});
}

TEST_P(ApduSweep, PutDataSmall) {
    sweep(Profile::compatibility,
          {"PUT DATA, small", set_up, open_for_bench,
           [](TestToken& t) { return t.put_data(object::cert_9a, certificate(500, 9)); }, same_key});
}

// The old certificate reads whole until the last block has made the new one.
TEST_P(ApduSweep, Lesson11_ChainedCertificateIsTheOldOrTheNewOne) {
    sweep(Profile::compatibility,
          {"PUT DATA, certificate in a chain", set_up, open_for_bench,
           [](TestToken& t) { return t.put_data_chained(object::cert_9a, certificate(3000, 9)); }, same_key});
}

TEST_P(ApduSweep, Lesson11_ChainedSealOf20KiB) {
    sweep(Profile::compatibility,
          {"PUT DATA, 20 KiB in a chain", set_up, open_for_bench,
           [](TestToken& t) { return t.put_data_chained(object::seal, bytes(20 * 1024, 9)); }, same_key});
}

TEST_P(ApduSweep, SetManagementKey) {
    const ByteVector fresh = bytes(32, 0x33);
    sweep(Profile::compatibility,
          {"set management key", set_up, open_for_bench,
           [&](TestToken& t) { return t.set_management_key(Algorithm::aes256, fresh); },
           [&](Judged& j) {
               const bool new_opens = j.token.authenticate(Algorithm::aes256, fresh) == sw::ok;
               EXPECT_EQ(new_opens, j.after) << j.where;
               const bool old_opens = j.token.authenticate(Algorithm::tdes, default_management_key()) == sw::ok;
               EXPECT_EQ(old_opens, !j.after) << j.where << ": no management key opens, or both";
               same_key(j);
           }});
}

}  // namespace
}  // namespace sealkey::testing

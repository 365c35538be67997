// Power cuts in everything that writes keys, certificates and data.
#include "support/key_centre.h"
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

TEST_P(ApduSweep, ImportRsa) {
    sweep(Profile::compatibility, {"import RSA-2048", set_up, open_for_bench,
                                   [](TestToken& t) { return t.import_rsa2048(ref::key_management); },
                                   [](Judged& j) {
                                       same_key(j);
                                       const auto told = find(j.token.metadata(ref::key_management).data, 0x04);
                                       EXPECT_EQ(told.has_value(), j.after) << j.where;
                                       if (!j.after) return;
                                       EXPECT_TRUE(j.token.verify(kDefaultPin).ok());
                                       ByteVector block(256, 0x5A);
                                       block[0] = 0;
                                       const Reply used =
                                           j.token.use_key(ref::key_management, Algorithm::rsa2048, block);
                                       EXPECT_TRUE(used.ok()) << j.where << ": the key doesn't work";
                                   }});
}

// Each generation takes as long as on any computer: six of its operations are cut, with the pages of the boards alone.
// What it writes it writes as P-256 does, which is swept whole.
class SlowSweep : public ApduSweep {};
TEST_P(SlowSweep, GenerateRsa) {
    Case what{"GENERATE RSA-2048", set_up, open_for_bench,
              [](TestToken& t) { return t.generate(ref::key_management, Algorithm::rsa2048); },
              [](Judged& j) {
                  same_key(j);
                  const auto told = find(j.token.metadata(ref::key_management).data, 0x04);
                  EXPECT_EQ(told.has_value(), j.after) << j.where;
              }};
    what.samples = 6;
    sweep(Profile::compatibility, what);
}
INSTANTIATE_TEST_SUITE_P(Units, SlowSweep, ::testing::Values(256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

// The decryption key of a key centre's, at first issue: the key that the envelope is for, or the one in it.
class Envelope {
public:
    static void set_up(TestToken& t) {
        ASSERT_TRUE(t.generate(ref::key_management).ok());
        ASSERT_TRUE(t.put_data(object::cert_9d, certificate(700, 3)).ok());
    }
    Reply bring(TestToken& t) {
        if (command_.empty()) {  // made once, for the key that is there
            token::PublicKey key;
            key.point = public_key(t, ref::key_management);
            const ByteVector name(16, 9);
            const EnvelopeFor what{std::string(kSerial), name, Algorithm::p256};
            command_ =
                concat({name, {static_cast<std::uint8_t>(Algorithm::p256)}, make_envelope(centre_, key_of(key), what)});
        }
        return t.send(0x80, 0x48, ref::key_management, 1, command_);
    }
    void judge(Judged& j) const {
        token::PublicKey key;
        key.point = public_key(j.token, ref::key_management);
        EXPECT_EQ(EVP_PKEY_eq(key_of(key).get(), centre_.get()) == 1, j.after) << j.where;
        const bool there = j.token.get_data(object::cert_9d).ok();
        EXPECT_EQ(there, !j.after) << j.where << ": key and certificate don't belong";
    }

private:
    PKey centre_ = new_key("P-256");
    ByteVector command_;
};

TEST_P(ApduSweep, BringDecryptionKeyInAnEnvelope) {
    Envelope envelope;
    sweep(Profile::compatibility, {"STAGE KEY into 9D",
                                   [](TestToken& t) {
                                       set_up(t);
                                       Envelope::set_up(t);
                                   },
                                   [](TestToken& t) {
                                       open_for_bench(t);
                                       ASSERT_TRUE(t.verify(kDefaultPin).ok());
                                   },
                                   [&](TestToken& t) { return envelope.bring(t); },
                                   [&](Judged& j) {
                                       same_key(j);
                                       envelope.judge(j);
                                   }});
}

// Where the bench's channel stands for the PIN.
TEST_P(ApduSweep, BringDecryptionKeyThroughTheChannel) {
    Envelope envelope;
    sweep(Profile::shipping, {"STAGE KEY into 9D, through the channel",
                              [](TestToken& t) {
                                  t.flash().restore(test::FlashModel(t.flash().geometry()).state());
                                  t.manufacture();
                                  t.initialise(Profile::shipping);
                                  open_for_bench(t);
                                  ASSERT_TRUE(t.set_bench_pin(kPin).ok());
                                  ASSERT_TRUE(t.generate(ref::authentication).ok());
                                  Envelope::set_up(t);
                              },
                              open_for_bench, [&](TestToken& t) { return envelope.bring(t); },
                              [&](Judged& j) {
                                  EXPECT_EQ(public_key(j.token, ref::authentication), j.key_before) << j.where;
                                  expect_pin_opens(j, kPin);
                                  envelope.judge(j);
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

// A signing key in memory, a PDF, and the programs that judge what was made of them.
#pragma once

#include "sign/cms.h"
#include "sign/error.h"
#include "sign/trust.h"
#include "unit/seal/maker.h"

namespace sealkey::sign::test {

using seal::test::kNow;

// Signs like a token: a digest in, a signature out. Counts how often it was asked.
class SoftKey : public SigningKey {
public:
    // "RSA" or a curve; issued by `issuer` if there is one, otherwise self-signed.
    explicit SoftKey(const char* kind, const seal::test::CertificateOrder& order = {.name = "signer"},
                     const SoftKey* issuer = nullptr);
    [[nodiscard]] const ByteVector& certificate() const override { return certificate_; }
    [[nodiscard]] const std::vector<ByteVector>& chain() const override { return chain_; }
    [[nodiscard]] ByteVector sign(Bytes digest) override;

    // A revocation list of this authority, valid from `made` to `next`, with these serial numbers on it since `made`.
    [[nodiscard]] Crl list(seal::Time made, seal::Time next, const std::vector<const SoftKey*>& revoked) const;

    int asked = 0;
    std::vector<ByteVector> chain_;

private:
    seal::PKey key_;
    ByteVector certificate_;
};

[[nodiscard]] Trust trust_in(const ByteVector& certificate);

// A folder that goes with the test.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, Bytes content) const;

private:
    std::string path_;
};

struct Ran {
    int code;
    std::string out;
};
[[nodiscard]] Ran run(const std::string& command);

// The fault that `work` ends with, of either room.
template <class Work>
std::string fault_of(Work work) {
    try {
        work();
    } catch (const SignError& error) {
        return fault_name(error.fault());
    } catch (const seal::SealError& error) {
        return seal::fault_name(error.fault());
    }
    return "no fault";
}

}  // namespace sealkey::sign::test

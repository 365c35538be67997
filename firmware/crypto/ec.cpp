// ECDSA and ECDH of mbedTLS take the group and the numbers of a key pair apart; its interface hands them out as copies
// only, and a copy of a secret is one more to wipe.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "crypto/ec.h"

#include <mbedtls/asn1.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>

#include <algorithm>

#include "crypto/arena.h"
#include "crypto/mbedtls_status.h"
#include "crypto/mpi.h"

namespace sealkey::crypto {

namespace {

constexpr std::size_t kMaxDigest = 64;

mbedtls_ecp_group_id group_of(Curve curve) {
    return curve == Curve::p256 ? MBEDTLS_ECP_DP_SECP256R1 : MBEDTLS_ECP_DP_SECP384R1;
}

Tested tested(Curve curve) { return curve == Curve::p256 ? Tested::p256 : Tested::p384; }

class Group {
public:
    Group() { mbedtls_ecp_group_init(&group_); }
    ~Group() { mbedtls_ecp_group_free(&group_); }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    mbedtls_ecp_group* get() { return &group_; }

private:
    mbedtls_ecp_group group_;
};

class Point {
public:
    Point() { mbedtls_ecp_point_init(&point_); }
    ~Point() { mbedtls_ecp_point_free(&point_); }
    Point(const Point&) = delete;
    Point& operator=(const Point&) = delete;
    mbedtls_ecp_point* get() { return &point_; }

private:
    mbedtls_ecp_point point_;
};

// An uncompressed point of the curve, checked to lie on it. Errors are mbedTLS's.
int read_point(const mbedtls_ecp_group* group, Curve curve, Bytes bytes, mbedtls_ecp_point* point) {
    if (bytes.size() != ec_point_size(curve) || bytes[0] != 0x04) return MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    const int failed = mbedtls_ecp_point_read_binary(group, point, bytes.data(), bytes.size());
    return failed != 0 ? failed : mbedtls_ecp_check_pubkey(group, point);
}

// SEQUENCE { INTEGER r, INTEGER s } to the front of `out`.
Result<std::size_t> write_signature(const mbedtls_mpi* r, const mbedtls_mpi* s, MutableBytes out) {
    unsigned char buffer[kMaxEcSignature];
    unsigned char* p = buffer + sizeof buffer;  // mbedTLS writes backwards
    std::size_t length = 0;
    for (const mbedtls_mpi* number : {s, r}) {
        const int written = mbedtls_asn1_write_mpi(&p, buffer, number);
        if (written < 0) return error_of(written);
        length += static_cast<std::size_t>(written);
    }
    int written = mbedtls_asn1_write_len(&p, buffer, length);
    if (written < 0) return error_of(written);
    length += static_cast<std::size_t>(written);
    written = mbedtls_asn1_write_tag(&p, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    if (written < 0) return error_of(written);
    length += static_cast<std::size_t>(written);
    if (out.size() < length) return Error::invalid;
    std::memcpy(out.data(), p, length);
    return length;
}

int read_signature(Bytes der, mbedtls_mpi* r, mbedtls_mpi* s) {
    // mbedTLS's parser takes a pointer to mutable bytes and writes none.
    auto* p = const_cast<unsigned char*>(der.data());
    const unsigned char* const end = p + der.size();
    std::size_t length = 0;
    int failed = mbedtls_asn1_get_tag(&p, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    if (failed == 0 && p + length != end) failed = MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
    if (failed == 0) failed = mbedtls_asn1_get_mpi(&p, end, r);
    if (failed == 0) failed = mbedtls_asn1_get_mpi(&p, end, s);
    if (failed == 0 && p != end) failed = MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
    return failed;
}

}  // namespace

EcPrivateKey::EcPrivateKey() {
    init_arena();
    mbedtls_ecp_keypair_init(&pair_);
}

EcPrivateKey::~EcPrivateKey() { mbedtls_ecp_keypair_free(&pair_); }

void EcPrivateKey::clear() {
    mbedtls_ecp_keypair_free(&pair_);
    mbedtls_ecp_keypair_init(&pair_);
    curve_.reset();
}

Status EcPrivateKey::start(Curve curve) {
    clear();
    if (curve != Curve::p256 && curve != Curve::p384) return Error::invalid;
    return status_of(mbedtls_ecp_group_load(&pair_.grp, group_of(curve)));
}

Status EcPrivateKey::generate(Drbg& drbg, Curve curve) {
    if (Status s = start(curve); !s) return s;
    if (Status s = drbg.tests().before(tested(curve)); !s) {
        clear();
        return s;
    }
    Status seeded = drbg.reseed();
    if (!seeded || mbedtls_ecp_gen_keypair(&pair_.grp, &pair_.d, &pair_.Q, Drbg::callback, &drbg) != 0) {
        clear();
        return Error::crypto_failure;
    }
    curve_ = curve;
    return {};
}

Status EcPrivateKey::import(Drbg& drbg, Curve curve, Bytes scalar) {
    if (Status s = start(curve); !s) return s;
    if (scalar.size() != ec_scalar_size(curve)) {
        clear();
        return Error::invalid;
    }
    if (Status s = drbg.tests().before(tested(curve)); !s) {
        clear();
        return s;
    }
    int failed = mbedtls_mpi_read_binary(&pair_.d, scalar.data(), scalar.size());
    if (failed == 0) failed = mbedtls_ecp_check_privkey(&pair_.grp, &pair_.d);
    if (failed == 0) {
        failed = mbedtls_ecp_mul(&pair_.grp, &pair_.Q, &pair_.d, &pair_.grp.G, Drbg::callback, &drbg);
    }
    if (failed != 0) {
        clear();
        return error_of(failed);
    }
    curve_ = curve;
    return {};
}

Status EcPrivateKey::load(Bytes saved) {
    clear();
    if (saved.size() < 2 || saved[0] != 0x01) return Error::invalid;
    const auto curve = static_cast<Curve>(saved[1]);
    if (Status s = start(curve); !s) return s;
    const std::size_t size = ec_scalar_size(curve);
    if (saved.size() != 2 + size + ec_point_size(curve)) {
        clear();
        return Error::invalid;
    }
    int failed = mbedtls_mpi_read_binary(&pair_.d, saved.data() + 2, size);
    if (failed == 0) failed = mbedtls_ecp_check_privkey(&pair_.grp, &pair_.d);
    if (failed == 0) failed = read_point(&pair_.grp, curve, saved.subspan(2 + size), &pair_.Q);
    if (failed != 0) {
        clear();
        return error_of(failed);
    }
    curve_ = curve;
    return {};
}

// format 01 || curve || d || Q. The point is kept so that loading costs no multiplication.
Result<std::size_t> EcPrivateKey::save(MutableBytes out) const {
    if (!curve_) return Error::invalid;
    const std::size_t size = ec_scalar_size(*curve_);
    const std::size_t length = 2 + size + ec_point_size(*curve_);
    if (out.size() < length) return Error::invalid;
    out[0] = 0x01;
    out[1] = static_cast<std::uint8_t>(*curve_);
    if (const int failed = mbedtls_mpi_write_binary(&pair_.d, out.data() + 2, size); failed != 0) {
        wipe(out.first(length));
        return error_of(failed);
    }
    if (Result<std::size_t> point = public_point(out.subspan(2 + size)); !point) {
        wipe(out.first(length));
        return point.error();
    }
    return length;
}

Result<std::size_t> EcPrivateKey::public_point(MutableBytes out) const {
    if (!curve_ || out.size() < ec_point_size(*curve_)) return Error::invalid;
    std::size_t written = 0;
    const int failed = mbedtls_ecp_point_write_binary(&pair_.grp, &pair_.Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &written,
                                                      out.data(), out.size());
    if (failed != 0) return error_of(failed);
    return written;
}

Result<std::size_t> EcPrivateKey::sign(Drbg& drbg, Bytes digest, MutableBytes out) {
    if (!curve_ || digest.empty() || digest.size() > kMaxDigest) return Error::invalid;
    if (Status s = drbg.tests().before(tested(*curve_)); !s) return s.error();
    Number r;
    Number s;
    const int failed =
        mbedtls_ecdsa_sign(&pair_.grp, r.get(), s.get(), &pair_.d, digest.data(), digest.size(), Drbg::callback, &drbg);
    if (failed != 0) return error_of(failed);
    return write_signature(r.get(), s.get(), out);
}

Result<Secret<kMaxEcScalar>> EcPrivateKey::ecdh(Drbg& drbg, Bytes peer) {
    if (!curve_) return Error::invalid;
    if (Status s = drbg.tests().before(tested(*curve_)); !s) return s.error();
    Point theirs;
    Number shared;
    int failed = read_point(&pair_.grp, *curve_, peer, theirs.get());
    if (failed == 0) {
        failed = mbedtls_ecdh_compute_shared(&pair_.grp, shared.get(), theirs.get(), &pair_.d, Drbg::callback, &drbg);
    }
    Secret<kMaxEcScalar> out;
    const std::size_t size = ec_scalar_size(*curve_);
    if (failed == 0) failed = mbedtls_mpi_write_binary(shared.get(), out.buffer().data(), size);
    if (failed != 0) return error_of(failed);
    out.resize(size);
    return out;
}

Status ecdsa_verify(Curve curve, Bytes point, Bytes digest, Bytes der_signature) {
    if (digest.empty() || digest.size() > kMaxDigest || der_signature.empty()) return Error::invalid;
    init_arena();
    Group group;
    Point q;
    Number r;
    Number s;
    int failed = mbedtls_ecp_group_load(group.get(), group_of(curve));
    if (failed == 0) failed = read_point(group.get(), curve, point, q.get());
    if (failed == 0) failed = read_signature(der_signature, r.get(), s.get());
    if (failed != 0) return error_of(failed);
    failed = mbedtls_ecdsa_verify(group.get(), digest.data(), digest.size(), q.get(), r.get(), s.get());
    if (failed == MBEDTLS_ERR_ECP_VERIFY_FAILED) return Error::wrong_secret;
    return status_of(failed);
}

}  // namespace sealkey::crypto
